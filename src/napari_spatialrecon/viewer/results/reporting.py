"""The report of results: what a page about them needs beside their tables and records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatialrecon.viewer.results.facts import TASKS, record_of
from napari_spatialrecon.viewer.task.script import as_command
from napari_spatialrecon.viewer.workspace.tables import Table

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_spatialrecon.progress import ProgressCallback, ShouldStop
    from napari_spatialrecon.report.run import Run
    from napari_spatialrecon.viewer.workspace.results import Result


def reportable(result: Result) -> bool:
    """Return whether a report can be written about a result: an encoder has none."""
    return result.task in TASKS and result.task != "train-encoder"


def run_of(result: Result) -> Run:
    """Return a result as a report needs it, with the inputs that are open and how to repeat it."""
    from napari_spatialrecon.report.run import Run

    tables: dict[str, AnnData] = {}
    command = ""
    if result.job is not None:
        command = as_command(result.job)
        for _, table in result.job.inputs():
            if isinstance(table, Table):
                tables |= {str(table.path or table.name): table.adata, table.name: table.adata}
    record = {"task": result.task, **record_of(result)}
    return Run(result.name, result.adata, record, result.path, tables, command)


def write_report(
    results: Sequence[Result], path: str | Path, progress: ProgressCallback, should_stop: ShouldStop
) -> Path:
    """Write one page about results; see `report.page.report`."""
    from napari_spatialrecon.report.page import report

    runs = [run_of(result) for result in results]
    return report(runs, path, progress=progress, should_stop=should_stop)
