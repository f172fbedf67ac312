"""Every command that writes, on a disk of 600 kB: what it says, and what is left.

    PYTHONPATH=tests python -m faults.full_disks --seconds 170        (Linux, as root)

Each command runs on a new tmpfs of which so many kB are free, older files at its outputs, until it
fits. What it leaves besides, an older file at the output that did not fit and that is no longer
what it was, more than one message, and an exit code that is not 2, are misses.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from faults.kills import Command, child, content, ended, imported, inputs_in, session

#: Size of the disk, and kB of it that are free, beside 12, as the command starts.
SIZE, FREE = 600, (-12, 0, 24, 140, 300)


#: What says of each sample why it failed.
_KEPT = {"batch": ("out/summary.csv", "out/logs/")}


@dataclass(frozen=True)
class Writing(Command):
    """A command, the files that it replaces, and those that say why it failed."""

    older: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def commands(inputs: Path) -> list[Writing]:
    """Return the commands that the fixed list of `kills` does not try on a full disk."""
    from napari_spatialrecon.cli import main

    slide, cells = inputs / "section1.h5ad", inputs / "cells.h5ad"
    placed, truth = inputs / "placed.h5ad", inputs / "truth.h5ad"
    sections = ["--reference", slide, "--reference", inputs / "section2.h5ad"]
    both = ["--slide", slide, "--reference", inputs / "section1_cells.h5ad"]
    impute = ["impute-genes", *both, "--method", "knn", "--genes", "missing"]
    impute += ["--hide", "{gene}"]
    words = {
        "impute-genes": [*impute, "--out", "out.h5ad"],
        "impute-genes zarr": [*impute, "--out", "out.zarr"],
        "train-encoder": [
            *("train-encoder", "--reference", slide, "--method", "gears-encoder"),
            *("--set", "training.steps=3", "--set", "network.first=16"),
            *("--set", "network.second=16", "--set", "adversary.width=8", "--out", "out"),
        ],
        "align": ["align", "--slide", slide, "--pairs", inputs / "pairs.csv", "--out", "out.h5ad"],
        "align to a file": [
            *("align", "--slide", slide, "--pairs", inputs / "pairs.csv", "--out", "out.h5ad"),
            *("--picture", "out.png", "--save-alignment", "out.csv", "--json", "out.json"),
        ],
        "annotate": [
            *("annotate", "--slide", slide, "--geojson", inputs / "r.geojson"),
            *("--out", "out.h5ad"),
        ],
        "annotate outwards": [
            *("annotate", "--slide", slide, "--column", "in_tissue", "--out", "out.geojson")
        ],
        "report": ["report", placed, "--out", "out.html"],
        "validate": ["validate", "place", "--method", "knn", *sections[:2], "--out", "out"],
        "compare": [
            *("compare", "--task", "place", *sections[:2], "--query", cells, "--truth", truth),
            *("--methods", "knn", "--seeds", "0", "--out", "out"),
        ],
        "batch": ["batch", inputs / "b.csv", "place", "--out", "out", "--workers", "1"],
        "evaluate": [
            *("evaluate", "place", "--truth", truth, "--prediction", placed),
            *("--picture", "out.png", "--curves", "out2.png", "--json", "out.json"),
        ],
        "signal": ["signal", "--slide", slide, "--picture", "out.png"],
        "figure": [
            *("figure", "communities", "--prediction", placed, "--types", "cell_type"),
            *("--out", "out.png", "--csv", "out.csv"),
        ],
        "transfer": [
            *("transfer", *sections, "--method", "ridge", "--out", "out.csv"),
            *("--picture", "out.png"),
        ],
        "demo": ["demo", "--out", "out"],
    }
    import anndata

    gene = str(anndata.read_h5ad(slide).var_names[0])

    def run(given: list[object]) -> Callable[[], int]:
        text = [str(word).format(gene=gene) for word in given]
        return lambda: main(text)

    return [
        *(
            Writing(name, run(given), older=_files(given), kept=_KEPT.get(name, ()))
            for name, given in words.items()
        ),
        Writing("session", lambda: session_told(slide)),
    ]


def _files(words: list[object]) -> tuple[str, ...]:
    return tuple(w for w in map(str, words) if w.startswith("out") and Path(w).suffix[1:])


def session_told(file: Path) -> int:
    """Save a session as a window does; say what it would."""
    from napari_spatialrecon.errors import SpatialReconError

    try:
        return session(file)
    except SpatialReconError as error:
        print(error, file=sys.stderr)
        return 2


def more_inputs(inputs: Path) -> int:
    """Write what the commands read besides a tissue."""
    import json

    import anndata
    import numpy as np

    code = inputs_in(inputs)
    xy = np.asarray(anndata.read_h5ad(inputs / "section1.h5ad").obsm["spatial"])[:5]
    rows = [",".join(map(str, [*p, *p])) for p in xy.tolist()]
    (inputs / "pairs.csv").write_text("\n".join(["x,y,ref_x,ref_y", *rows]))
    square = {"type": "Polygon", "coordinates": [[[0, 0], [9e5, 0], [9e5, 9e5], [0, 0]]]}
    made = {"type": "Feature", "geometry": square}
    made["properties"] = {"classification": {"name": "Tumor"}}
    text = json.dumps({"type": "FeatureCollection", "features": [made]})
    (inputs / "r.geojson").write_text(text)
    rows = [f"s{i},knn,section1.h5ad,cells.h5ad" for i in range(2)]
    (inputs / "b.csv").write_text("\n".join(["sample,method,reference,query", *rows]))
    return code


@contextlib.contextmanager
def disk(where: Path) -> Iterator[Path]:
    """Mount a tmpfs of 600 kB."""
    where.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}k", "tmpfs", str(where)]
    subprocess.run(words, check=True)
    try:
        yield where
    finally:
        subprocess.run(["umount", str(where)], check=True)
        where.rmdir()


def told(command: Command, folder: Path, log: Path) -> tuple[int, str]:
    """Run a command in a folder; return its exit code and what it said."""

    def run() -> int:
        import os

        with log.open("wb") as said:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            return command.run()

    return ended(child(run, folder)), log.read_text(errors="replace")


def tried(command: Writing, free: int, folder: Path) -> tuple[int, str, list[str]]:
    """Run a command where so many kB are free; return its exit code, its words, what is wrong."""
    with disk(folder / "disk") as here:
        filler = here / ".filler"
        for name in command.older:
            (here / name).write_bytes(b"older")
        with contextlib.suppress(OSError):
            filler.write_bytes(b"x" * 1024 * (SIZE - free - 12))
        before = content(here)
        code, said = told(command, here, folder / "said")
        now = content(here)
    wrong = []
    if code == 0:
        return code, said, wrong
    lines = [line for line in said.splitlines() if line.startswith("spatialrecon: ")]
    if code != 2:
        wrong.append(f"exit code {code}")
    if "Traceback" in said:
        wrong.append("a traceback")
    if command.name != "session" and len(lines) != 1:
        wrong.append(f"{len(lines)} messages")
    if "Try" not in said:
        wrong.append("no remedy")
    if " disk" not in said:
        wrong.append("another error")
    new = {name for name, held in now.items() if before.get(name) != held}
    whole = (*command.kept, *(name for name in command.older if f"{name}: " not in said))
    if new := sorted(name for name in new if not name.startswith(whole)):
        wrong.append(f"left {new}")
    if gone := {*before} - {*now}:
        wrong.append(f"removed {sorted(gone)}")
    return code, said, wrong


def main() -> int:
    """Try every command at every size; print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--only", nargs="*", help="names of commands")
    parser.add_argument("--show", action="store_true", help="what each run says")
    options = parser.parse_args()
    until, count, misses = time.monotonic() + options.seconds, 0, 0
    with tempfile.TemporaryDirectory() as name:
        inputs = Path(name) / "in"
        inputs.mkdir()
        imported()
        assert ended(child(lambda: more_inputs(inputs), inputs)) == 0
        for command in commands(inputs):
            if options.only and command.name not in options.only:
                continue
            for free in FREE:
                if time.monotonic() > until:
                    print("out of time")
                    break
                code, said, wrong = tried(command, free, Path(name))
                count, misses = count + (code != 0), misses + bool(wrong)
                print(f"{command.name}, {free} kB free: exit {code} {'; '.join(wrong)}", flush=True)
                if options.show or wrong:
                    print("    " + "\n    ".join(said.splitlines()[-6:]))
                if code == 0:
                    break
    print(f"{count} runs on a full disk, {misses} misses")
    return bool(misses)


if __name__ == "__main__":
    sys.exit(main())
