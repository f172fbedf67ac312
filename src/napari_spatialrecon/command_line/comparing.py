"""compare: methods, baselines and other tools beside one another on cases with a known answer."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from typing import Any

from napari_spatialrecon.command_line.options import add_verb
from napari_spatialrecon.command_line.running import summarise
from napari_spatialrecon.command_line.terminal import Bar

#: Options that make a case of the user's own files.
_OWN = ("task", "name", "reference", "query", "slide", "truth", "labels", "factor")


def add(verbs: Any) -> None:
    """Add the command."""
    verb = add_verb(
        verbs,
        "compare",
        "compare methods, baselines and other tools on cases whose answer is known",
        run_compare,
    )
    verb.add_argument(
        "--out",
        metavar="FOLDER",
        help="keeps every cell of the table; a finished one is not run again",
    )
    verb.add_argument("--list", action="store_true", help="list cases, methods and tools, and end")
    verb.add_argument(
        "--cases", nargs="+", default=[], metavar="CASE", help="named cases, tasks, patterns or all"
    )
    verb.add_argument(
        "--methods",
        nargs="+",
        default=[],
        metavar="METHOD",
        help="NAME, NAME:PRESET or NAME,KEY=VALUE, or MODULE:CLASS of an adapter; by default all",
    )
    verb.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], metavar="N")
    verb.add_argument("--data", metavar="DIR", help="data of named cases (or SPATIALRECON_DATA)")
    verb.add_argument("--minutes", type=float, default=60.0, help="most that a cell may take")
    verb.add_argument("--memory", type=float, metavar="GB", help="most that a cell may take")
    verb.add_argument("--again", action="store_true", help="run cells that failed again")
    verb.add_argument("--dry", action="store_true", help="run nothing: make the table anew")
    verb.add_argument("--no-pictures", dest="pictures", action="store_false", help="draw nothing")
    verb.add_argument("--threads", type=int, help="CPU threads (default: cores - 1)")
    verb.add_argument("--json", metavar="FILE", help="write every cell; - for stdout")
    verb.add_argument("--progress", choices=("auto", "bar", "json", "none"), default="auto")
    own = verb.add_argument_group("a case of your own files")
    own.add_argument("--task", help="place, impute-genes, deconvolve or super-resolve")
    own.add_argument("--name", default="mine", help="name of the case")
    own.add_argument("--reference", metavar="FILE", action="append", default=[])
    own.add_argument("--query", metavar="FILE")
    own.add_argument("--slide", metavar="FILE")
    own.add_argument("--truth", metavar="FILE", help="the answer; no method is given it")
    own.add_argument("--labels", metavar="COLUMN", help="deconvolve: types of the reference")
    own.add_argument("--factor", default="2x2", help="super-resolve: parts of a spot")


def run_compare(options: argparse.Namespace, stop: threading.Event) -> None:
    """Compare."""
    if options.list:
        _list()
        return
    from napari_spatialrecon.comparison.running import benchmark
    from napari_spatialrecon.errors import InputError

    if not options.out:
        raise InputError("Expected a folder for the table, found none.", remedy="Try --out FOLDER.")
    own = None
    if options.task:
        own = {key: getattr(options, key) or "" for key in _OWN}
        own["reference"] = tuple(options.reference)
    with Bar(options.progress) as bar:
        table = benchmark(
            options.out,
            cases=options.cases,
            methods=options.methods,
            seeds=options.seeds,
            data=options.data or os.environ.get("SPATIALRECON_DATA"),
            own=own,
            minutes=options.minutes,
            memory=options.memory,
            again=options.again,
            dry=options.dry,
            pictures=options.pictures,
            tell=lambda line: print(line, file=sys.stderr, flush=True),
            progress=bar.show,
            should_stop=stop.is_set,
        )
    print(f"table: {options.out}/table.md", file=sys.stderr)
    summarise([dict(row) for row in table.rows], options)


def _list() -> None:
    from napari_spatialrecon.comparison.cases.known import CASES, TASKS
    from napari_spatialrecon.comparison.contestants import contestants

    for task in TASKS:
        print(task)
        print(f"  cases    {', '.join(c.partition('/')[2] for c in CASES if c.startswith(task))}")
        for one in contestants(task):
            missing = one.missing()
            print(f"  {one.kind:9}{one.spec:14}{one.title}{f' ({missing})' if missing else ''}")
