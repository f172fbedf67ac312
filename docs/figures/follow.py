"""Follow pages word by word: run each command and each block of Python, in one folder.

    python docs/figures/follow.py docs/first-overlay.md docs/tutorials/*.md
    python docs/figures/follow.py --her2 DIR docs/tutorials/place-cells.md

A block below a line ``<!-- not run: REASON -->`` is listed and not
run. Stops at the first block that fails.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BLOCK = re.compile(r"(?:^<!-- not run: (.+) -->\n)?^```(python)?\n(.*?)^```$", re.M | re.S)
ALIAS = 'spatialrecon() {{ "{python}" -m napari_spatialrecon "$@"; }}\nset -e\n'


def follow(page: Path, folder: Path) -> None:
    """Run the blocks of a page."""
    for number, match in enumerate(BLOCK.finditer(page.read_text(encoding="utf-8")), 1):
        reason, language, text = match.groups()
        name = f"{page.name}, block {number}"
        if reason:
            print(f"{name}: not run, {reason}")
            continue
        shell = ["bash", "-c", ALIAS.format(python=sys.executable) + text]
        words = [sys.executable, "-c", text] if language else shell
        environment = {**os.environ, "MPLBACKEND": "Agg"}
        start = time.monotonic()
        done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
        print(f"{name}: {'done' if done.returncode == 0 else 'FAILED'}", end=" ")
        print(f"after {time.monotonic() - start:.0f} s", flush=True)
        if done.returncode:
            sys.exit(f"{text}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--her2", type=Path, help="folder of the sections, in place of a download")
    parser.add_argument("--folder", type=Path, help="keep what is written here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = (options.folder or Path(name)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        if options.her2 and not (folder / "her2").exists():
            shutil.copytree(options.her2, folder / "her2")
        for page in options.pages:
            follow(page, folder)


if __name__ == "__main__":
    main()
