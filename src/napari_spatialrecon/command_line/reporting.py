"""report: one page of HTML about a run, or about many."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path
from typing import Any

from napari_spatialrecon.command_line.options import add_verb
from napari_spatialrecon.command_line.terminal import Bar


def add(verbs: Any) -> None:
    """Add the command."""
    verb = add_verb(
        verbs,
        "report",
        "write one page of HTML about a run, or about many",
        run_report,
        files={"out": ".html"},
    )
    verb.add_argument(
        "runs",
        metavar="RUN",
        nargs="+",
        help="a result (.h5ad or .zarr), its .run.json, or a folder of results",
    )
    verb.add_argument("--out", metavar="FILE.html", help="by default beside the first run")
    verb.add_argument("--title", default="", help="heading of the page")
    verb.add_argument("--types", metavar="COLUMN", help="obs column of the types of placed cells")
    verb.add_argument(
        "--skip-inputs",
        action="store_true",
        help="do not read the inputs again: neither their hash nor their quality is reported",
    )
    verb.add_argument("--progress", choices=("auto", "bar", "json", "none"), default="auto")


def run_report(options: argparse.Namespace, stop: threading.Event) -> None:
    """Write the report."""
    from napari_spatialrecon.report.page import report

    with Bar(options.progress) as bar:
        path = report(
            options.runs,
            options.out or beside(options.runs[0]),
            title=options.title,
            types=options.types,
            check=not options.skip_inputs,
            progress=bar.show,
            should_stop=stop.is_set,
        )
    print(f"report: {path}", file=sys.stderr)


def beside(run: str) -> Path:
    """Return where the report of a run goes by default.

    Examples
    --------
    >>> beside("out/placed.h5ad").as_posix(), beside("out/placed.run.json").as_posix()
    ('out/placed.report.html', 'out/placed.report.html')
    """
    path = Path(run)
    name = path.name.removesuffix(".run.json").removesuffix(".h5ad").removesuffix(".zarr")
    return path.parent / f"{name or 'runs'}.report.html"
