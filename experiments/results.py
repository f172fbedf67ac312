"""Put the tables of a comparison into pages, between the marks that name them.

    spatialrecon compare --out table --cases all --data DIR
    python -m experiments.results table docs/results.md docs/experiments/2026-11-30-compare.md

A mark is a line ``<!-- compare: WHAT TASK -->``; what follows it up to ``<!-- end -->`` is
replaced. WHAT is `overview`, `ranks`, `behind`, `choice`, `absent` or `details`.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from experiments.data import run
from napari_spatialrecon.comparison import table
from napari_spatialrecon.comparison.cases.known import CASES
from napari_spatialrecon.comparison.choice import chosen
from napari_spatialrecon.comparison.metrics import METRICS
from napari_spatialrecon.storage import atomic_file

MARK = re.compile(r"<!-- compare: (\w+) ([\w-]+) -->\n.*?<!-- end -->", re.S)


def read(folder: Path, task: str) -> dict[str, list[dict[str, Any]]]:
    """Return the cells of each case of a task, in the order of the cases."""
    found: dict[str, list[dict[str, Any]]] = {}
    for case in (name.partition("/")[2] for name in CASES if name.startswith(f"{task}/")):
        paths = sorted((folder / "cells" / task / case).glob("*.json"))
        if rows := [json.loads(path.read_text(encoding="utf-8")) for path in paths]:
            found[case] = rows
    return found


def block(what: str, cases: dict[str, list[dict[str, Any]]], task: str) -> str:
    """Return a part of the table as Markdown; nothing for a task of which no cell was run."""
    if not cases:
        return ""
    if what == "overview":
        return table.overview(cases, METRICS[task][0])
    if what == "details":
        return "\n\n".join(f"**{case}**\n\n{table.details(rows)}" for case, rows in cases.items())
    makers = {
        "ranks": table.mean_ranks,
        "behind": table.behind,
        "choice": chosen,
        "absent": table.absent,
    }
    return makers[what](cases)


def filled(text: str, folder: Path) -> str:
    """Return a page with its marked parts made anew."""

    def made(found: re.Match[str]) -> str:
        what, task = found.groups()
        body = block(what, read(folder, task), task)
        return f"<!-- compare: {what} {task} -->\n{body}\n<!-- end -->"

    return MARK.sub(made, text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, help="folder of a comparison")
    parser.add_argument("pages", nargs="+", type=Path)
    asked = parser.parse_args()
    for page in asked.pages:
        text = filled(page.read_text(encoding="utf-8"), asked.table)
        with atomic_file(page) as path:
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run(main)
