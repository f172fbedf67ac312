"""Follow pages word by word: run each command and each block of Python, in one folder.

    python docs/figures/follow.py docs/first-overlay.md docs/tutorials/*.md
    python docs/figures/follow.py --copies DIR docs/tutorials/place-cells.md
    python docs/figures/follow.py --given run7/outs=DIR cells.h5ad=FILE docs/how-to/visium.md

Public data are downloaded, or with `--copies` taken from `DIR/NAME`, which holds the files of data
set NAME as its source has them. A block below a line ``<!-- needs: PATH ... -->`` works on files of
the reader's, and is run where `--given` names them; one below ``<!-- not run: REASON -->`` never
is. Stops at the first block that fails.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BLOCK = re.compile(
    r"(?:^<!-- (not run|needs): (.+) -->\n)?^```(python|sh)?\n(.*?)^```$", re.M | re.S
)
ALIAS = """
spatialrecon() {{ "{python}" -m napari_spatialrecon "$@"; }}
export -f spatialrecon
set -e
"""
DOWNLOAD = re.compile(r"^(spatialrecon download (\S+).*)$", re.M)


def reason(kind: str | None, words: str | None, folder: Path) -> str:
    """Return why a block is not run; nothing if it is."""
    if kind == "needs" and words is not None:
        missing = [path for path in words.split() if not (folder / path).exists()]
        return f"needs {', '.join(missing)} (--given)" if missing else ""
    return words or ""


def from_copies(text: str, copies: Path | None) -> str:
    """Return commands that download from a folder, where it has the data set."""

    def source(match: re.Match[str]) -> str:
        held = copies is not None and (copies / match[2]).is_dir()
        return f"{match[1]} --source '{copies}/{match[2]}'" if held else match[1]

    return DOWNLOAD.sub(source, text)


def follow(page: Path, folder: Path, copies: Path | None) -> None:
    """Run the blocks of a page."""
    for number, match in enumerate(BLOCK.finditer(page.read_text(encoding="utf-8")), 1):
        kind, words, language, text = match.groups()
        name = f"{page.name}, block {number}"
        if why := reason(kind, words, folder):
            print(f"{name}: not run, {why}", flush=True)
            continue
        text = text if language == "python" else from_copies(text, copies)
        shell = ["bash", "-c", ALIAS.format(python=sys.executable) + text]
        command = [sys.executable, "-c", text] if language == "python" else shell
        environment = {**os.environ, "MPLBACKEND": "Agg"}
        start = time.monotonic()
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        print(f"{name}: {'done' if done.returncode == 0 else 'FAILED'}", end=" ")
        print(f"after {time.monotonic() - start:.0f} s", flush=True)
        if done.returncode:
            sys.exit(f"{text}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--copies", type=Path, help="folder of copies of public data sets")
    parser.add_argument("--given", nargs="*", default=[], metavar="PATH=FILE")
    parser.add_argument("--folder", type=Path, help="keep what is written here")
    options = parser.parse_args()
    copies = options.copies.absolute() if options.copies else None
    with tempfile.TemporaryDirectory() as name:
        folder = (options.folder or Path(name)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        for path, file in (words.split("=", 1) for words in options.given):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).symlink_to(Path(file).absolute())
        for page in options.pages:
            follow(page, folder, copies)


if __name__ == "__main__":
    main()
