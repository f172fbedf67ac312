"""Contestants on cases with several seeds, one cell after another, each in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from napari_spatialrecon.comparison.cases.known import CASES, MADE, chosen
from napari_spatialrecon.comparison.cases.own import OwnFiles
from napari_spatialrecon.comparison.cell import DONE, FAILED, MISSING, NOT_RUN, Cell
from napari_spatialrecon.comparison.contestants import contestants
from napari_spatialrecon.comparison.process import Court, Limits
from napari_spatialrecon.comparison.table import Table, first_line
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.progress import ProgressCallback, Reporter, ShouldStop

#: Share of the machine's memory that a cell may take unless said otherwise.
MEMORY_SHARE = 0.8
MINUTES = 60.0
SEEDS = (0, 1, 2)


def benchmark(
    out: str | Path,
    *,
    cases: Sequence[str] = (),
    methods: Sequence[str] = (),
    seeds: Sequence[int] = SEEDS,
    data: str | Path | None = None,
    own: Mapping[str, Any] | None = None,
    minutes: float = MINUTES,
    memory: float | None = None,
    again: bool = False,
    dry: bool = False,
    pictures: bool = True,
    tell: Callable[[str], None] | None = None,
    progress: ProgressCallback | None = None,
    should_stop: ShouldStop | None = None,
) -> Table:
    """Compare methods, baselines and other tools on cases whose answer is known.

    Parameters
    ----------
    out
        Folder of the comparison. Cells that it holds are not run again.
    cases
        Named cases, tasks or patterns (``"place"``, ``"place/her2*"``, ``"all"``); see
        the list that the command prints.
    methods
        Names, with preset and settings (``"gears:standard"``, ``"nnls,loss=counts"``), run in this
        order; every method and installed tool of each task if none is given.
    seeds
        The spread over seeds is shown in the table.
    data
        Folder of the data sets that named cases are made of.
    own
        A case of one's own files: the arguments of `comparison.cases.own.OwnFiles`.
    minutes, memory
        Most minutes, and GB of memory, that a cell may take.
    again
        Whether cells that failed are run again.
    dry
        Whether to run nothing, and return the table of what `out` holds.
    pictures
        Whether to draw the finished cells of these cases.
    tell
        Called with a line about each cell that was run.
    progress, should_stop
        Receives a `Progress` about ten times a second; returns True to stop within a step.

    Returns
    -------
    Table
        Also written to `out`, as ``table.csv``, ``table.md`` and ``pictures``.

    Raises
    ------
    InputError
        A case or a method does not exist, or a file is missing.
    Stopped
        `should_stop` returned True; finished cells are kept, and `dry` makes a table of them.

    Examples
    --------
    >>> import napari_spatialrecon as sr
    >>> cases = ["place/simulated-cortex"]
    >>> table = sr.benchmark("table", cases=cases, methods=["knn"])  # doctest: +SKIP
    >>> print(table.markdown())  # doctest: +SKIP
    """
    folder, files = Path(out), None if own is None else OwnFiles.from_dict(own)
    names = [*chosen(list(cases)), *([files.case] if files is not None else [])]
    if not names:
        raise InputError(
            "Expected cases or files of your own, found neither.",
            remedy=f"Try {argument('cases', 'place')}, or one of {', '.join(CASES)}.",
        )
    cells = _cells(folder, names, methods, seeds)
    reporter = Reporter(progress, should_stop)
    limit = psutil.virtual_memory().total * MEMORY_SHARE if memory is None else memory * 1e9
    work = _Work(folder, data, files, Limits(60 * minutes, limit), again, dry, reporter, tell)
    _make(folder)
    found = []
    with Court(folder) as court:
        reporter.begin("Comparing", len(cells))
        for number, cell in enumerate(cells):
            reporter.check()
            found.append(work.of(cell, court))
            reporter.step(number + 1, at_once=True)
        table = Table(found)
        table.write(folder)
        if pictures and any(row["status"] == DONE for row in found):
            reporter.begin("Drawing")
            done = [
                {"task": row["task"], "case": row["case"], "path": str(cell.path)}
                for cell, row in zip(cells, found, strict=True)
                if row["status"] == DONE
            ]
            court.ask({"do": "draw", "folder": str(folder), "cells": done}, work.stopping)
    return table


def _make(folder: Path) -> None:
    """Make the folder of a comparison.

    Raises
    ------
    InputError
        It is a file, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"Expected a folder to write, found: {error.strerror}.",
            remedy=f"Try another {argument('out')}.",
            where=str(folder),
        ) from error


def _cells(
    folder: Path, names: Sequence[str], methods: Sequence[str], seeds: Sequence[int]
) -> list[Cell]:
    """Return the cells in the order in which they are run: by method, case and seed."""
    by_case = {name: contestants(name.partition("/")[0], methods) for name in names}
    specs = list(dict.fromkeys(one.spec for found in by_case.values() for one in found))
    if not specs:
        raise InputError(
            f"Expected a method for {', '.join(names)}, found none of {', '.join(methods)}.",
            remedy=f"Try {argument('methods')} with a method of the task.",
        )
    return [
        Cell(folder, name, one, seed)
        for spec in specs
        for name, found in by_case.items()
        for one in found
        if one.spec == spec
        for seed in seeds
    ]


def _as_kept(cell: Cell) -> dict[str, Any]:
    return cell.kept() or cell.empty(NOT_RUN)


class _Work:
    """What cells have in common."""

    def __init__(
        self,
        folder: Path,
        data: str | Path | None,
        files: OwnFiles | None,
        limits: Limits,
        again: bool,
        dry: bool,
        reporter: Reporter,
        tell: Callable[[str], None] | None,
    ) -> None:
        self.folder, self.data, self.files, self.limits = folder, data, files, limits
        self.again, self.dry, self.reporter = again, dry, reporter
        self.tell = tell or (lambda line: None)

    def stopping(self) -> bool:
        """Return whether the user asked to stop."""
        return self.reporter.stop_requested

    def of(self, cell: Cell, court: Court) -> dict[str, Any]:
        """Return what is kept of a cell, or run it."""
        if self.dry:
            return _as_kept(cell)
        about = self._case(cell.case, court)
        kept = cell.kept(about["fingerprint"])
        if kept is not None and not (self.again and kept["status"] == FAILED):
            return kept
        if reason := cell.contestant.missing():
            return cell.empty(MISSING, reason)
        found = cell.run(about, court, self.limits, self.stopping)
        self.tell(said(found))
        return found

    def _case(self, name: str, court: Court) -> dict[str, Any]:
        """Return what is known of a case; it is made when the first cell needs it."""
        place = self.folder / "cases" / name
        own = self.files.to_dict() if self.files is not None and name == self.files.case else None
        asked = {"do": "prepare", "folder": str(place), "case": name, "own": own}
        made = place / "case.json"
        if made.exists():
            about: dict[str, Any] = json.loads(made.read_text(encoding="utf-8"))
            if own is None or about.get("own") == own:
                return about
            raise InputError(
                f"Expected the files that {name} was made of, found others.",
                remedy=f"Try another {argument('out')} or another {argument('name')}.",
            )
        if own is None and self.data is None and name not in MADE:
            raise InputError(
                f"Expected the folder of data that {name} is made of, found none.",
                remedy=f"Try {argument('data')}; experiments/README.md says what it holds.",
            )
        asked["data"] = None if self.data is None else str(self.data)
        place.parent.mkdir(parents=True, exist_ok=True)
        answer: dict[str, Any] = court.ask(asked, self.stopping)
        return answer


def said(found: Mapping[str, Any]) -> str:
    """Return a line about a cell."""
    what = f"{found['task']}/{found['case']}  {found['method']}  seed {found['seed']}"
    if found["status"] != DONE:
        return f"{what}  {found['status']}: {first_line(found['reason'])}"
    from napari_spatialrecon.comparison.metrics import METRICS

    metric = METRICS[found["task"]][0]
    value = found["metrics"].get(metric.name)
    memory = found["peak_memory_bytes"] / 1e9
    return f"{what}  {metric.label} {value:.3f}  {found['seconds']:.0f} s  {memory:.1f} GB"
