"""A job in a separate process, through the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatialrecon.viewer.task.job import Input, Job, Outcome
from napari_spatialrecon.viewer.task.script import arguments, file_of
from napari_spatialrecon.viewer.task.subprocess_run import SubprocessWork
from napari_spatialrecon.viewer.workspace.tables import Model, Picture, Table

if TYPE_CHECKING:
    from napari_spatialrecon.progress import ProgressCallback, ShouldStop


@dataclass(frozen=True)
class InProcess:
    """The work of a job, done by the command line.

    Parameters
    ----------
    job
        The command keeps checkpoints in its folder. The result, and copies of tables that are open
        only in napari, are written beside it.
    """

    job: Job

    def __call__(self, progress: ProgressCallback, should_stop: ShouldStop) -> Outcome:
        """Run the command and read what it wrote."""
        assert self.job.folder is not None, "a run in a separate process needs a folder"
        out = self.job.folder.with_name(self.job.out)
        words = arguments(self.job, lambda table: _on_disk(table, out.parent), out)
        if self.job.resume:
            words += ["--resume", str(self.job.folder)]
        if self.job.verb != "train-encoder":
            words.append("--over-memory")  # the window has asked
        SubprocessWork(words)(progress, should_stop)
        return self.job.outcome(out)


def _on_disk(table: Input, folder: Path) -> Path:
    path = folder / file_of(table).name
    if isinstance(table, Picture):
        table = table.table()
    elif table.path is not None and not (isinstance(table, Table) and table.chosen):
        return table.path
    if path.exists():
        return path
    if isinstance(table, Model):
        table.model.save(path)
    else:
        from napari_spatialrecon.storage import atomic_file
        from napari_spatialrecon.tissue.h5ad import write_h5ad

        with atomic_file(path) as temporary:
            write_h5ad(temporary, table.adata)
    return path
