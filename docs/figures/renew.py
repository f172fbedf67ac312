"""Take the pictures of the pages anew: all, or those of scripts that make the named ones.

    PYTHONPATH=. python docs/figures/renew.py --data DIR [window_ film ...]

Every script below runs on real tissue, each picture of a window in both themes; of what it makes,
those that `docs/images` holds, in either theme, are replaced. Pictures of dated experiments stay as
they were: their pages name the commands. Windows open on a virtual screen where `xvfb-run` is.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from experiments.data import add_data_option, run

HERE = Path(__file__).parent
IMAGES = HERE.parent / "images"
SCRIPTS = {
    "architecture.py": ("architecture",),
    "choose.py": ("choose",),
    "her2_overlay.py --her2 {data}/st_her2_he": ("her2_overlay",),
    "report.py --data {data}": ("report_her2",),
    "landmarks.py --data {data}": (
        "align_start",
        "align_done",
        "landmarks_start",
        "landmarks_done",
    ),
    "place_cells.py --data {data} --only story": ("window_running", "window_done", "window_faded"),
    "place_cells.py --data {data} --only errors": ("window_refused",),
    "place_cells.py --data {data} --only gears": ("window_gears",),
    "place_cells.py --data {data} --only encoder": ("window_encoder",),
    "place_cells.py --data {data} --only super": ("window_super",),
    "place_cells.py --data {data} --only embryo": ("window_embryo",),
    "place_cells.py --data {data} --only genes": ("window_genes",),
    "deconvolve.py --data {data} --only deconvolve": ("window_deconvolve",),
    "deconvolve.py --data {data} --only mapping": ("window_mapping",),
    "film.py --data {data} --theme dark light": ("film", "workbench_placed_type"),
    "workbench.py --data {data}": (
        "workbench_placed_1280",
        "workbench_placed_markers",
        "workbench_validated",
        "workbench_arrows",
    ),
}
"""Command of a script, and how the names of its pictures begin."""
SCREEN = ["xvfb-run", "-a", "-s", "-screen 0 1700x1100x24"]


def in_both(name: str) -> tuple[str, ...]:
    """Return the names of a picture in either theme."""
    return name, name.replace("_dark.", "_light."), name.replace("_light.", "_dark.")


def renew(command: str, begins: tuple[str, ...], data: Path) -> list[str]:
    """Run a script, and return the names of the pictures that it replaced."""
    script, *words = command.format(data=data).split()
    screen = SCREEN if shutil.which("xvfb-run") else []
    with tempfile.TemporaryDirectory() as folder:
        call = [*screen, sys.executable, str(HERE / script), *words, "--out", folder]
        subprocess.run(call, check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(PATHS)})
        made = [path for path in Path(folder).iterdir() if path.stem.startswith(begins)]
        known = [path for path in made if any((IMAGES / n).exists() for n in in_both(path.name))]
        for path in known:
            shutil.copyfile(path, IMAGES / path.name)
        return sorted(path.name for path in known)


PATHS = [str(HERE.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    parser.add_argument("names", nargs="*", help="how the names of the wanted pictures begin")
    options = parser.parse_args()
    for command, begins in SCRIPTS.items():
        wanted = [
            b
            for b in begins
            if any(b.startswith(n) or n.startswith(b) for n in options.names or [""])
        ]
        if not wanted:
            continue
        start = time.monotonic()
        names = renew(command, begins, options.data.path)
        print(f"{command.split()[0]}: {', '.join(names)}", end=" ")
        print(f"after {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    run(main)
