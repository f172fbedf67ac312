"""One run of a task widget: its inputs, fixed when Run was pressed, and its outcome.

Each widget defines a subclass of `Job`: its inputs, its call of the task function, and its own
part of a script. The rest is shared: running it here or in a separate process (`process`),
copying it as Python or as a command line (`script`), and resuming it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypedDict

from napari_spatialrecon.durations import duration
from napari_spatialrecon.legacy import read_record
from napari_spatialrecon.viewer.workspace.tables import Model, Picture, Table

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_spatialrecon.hyperparameters import Config
    from napari_spatialrecon.methods.method import Method
    from napari_spatialrecon.progress import ProgressCallback, ShouldStop
    from napari_spatialrecon.tasks.memory import Need
    from napari_spatialrecon.tasks.preflight import Preflight
    from napari_spatialrecon.tissue.images import Histology

Input = Table | Picture | Model
Line = tuple[str, str]
"""A tone ("good", "warning", "wrong" or "quiet") and a text."""
Figure = tuple[str, str]
"""A number as it is shown, and what it means."""


@dataclass(frozen=True)
class Checked:
    """A task's own report on its inputs, instead of a `Preflight`.

    Parameters
    ----------
    lines
        What was checked.
    memory
        What the run needs beside what is free.
    """

    lines: tuple[Line, ...]
    memory: Need | None = None


@dataclass(frozen=True)
class Outcome:
    """What a run returns.

    Parameters
    ----------
    adata
        The table that the task returned.
    record
        Content of `run.json`.
    method
        The fitted method; None after a run in a separate process.
    """

    adata: AnnData
    record: Mapping[str, Any]
    method: Method | None = field(default=None, repr=False)

    @classmethod
    def of(cls, adata: AnnData, record: Mapping[str, Any], image: Histology | None = None) -> Self:
        """Return the outcome of a run from its table and record; called in a thread.

        Parameters
        ----------
        image
            The H&E that the table names.
        """
        return cls(adata, record)

    @property
    def summary(self) -> str:
        """Summary of what was done and its quality."""
        return f"Done{self.time}."

    @property
    def time(self) -> str:
        """The run time as text that a verb precedes: " in 3 s"; empty if it is not known."""
        seconds = self.record.get("wall_seconds")
        return "" if seconds is None else f" in {duration(float(seconds))}"

    @property
    def doubtful(self) -> bool:
        """Whether the summary is a warning, or anything speaks against the result."""
        return bool(self.record.get("warnings"))

    @property
    def better(self) -> str:
        """Name of a method that did better on the same data; empty if none did, as far as known."""
        return ""

    def figures(self) -> list[Figure]:
        """Return the numbers that tell how good the result is."""
        return []

    def facts(self) -> list[Line]:
        """Return what speaks against the result, and further messages for the user."""
        warnings: list[Line] = [("warning", text) for text in self.record.get("warnings", ())]
        return [*warnings, *(("quiet", note) for note in self.record.get("notes", ()))]

    def prepare(self) -> None:
        """Say once, in the thread that reads it, what a window will: the modules are imported."""
        _ = self.summary, self.doubtful, self.better, self.figures(), self.facts()

    def write(self, path: str | Path) -> tuple[Path, ...]:
        """Write the table as h5ad and the record beside it as ``<name>.run.json``; return both."""
        from napari_spatialrecon.tasks.writing import write_result

        return write_result(path, self.adata, self.record)


@dataclass(frozen=True)
class Script:
    """The part of a Python script that is specific to a job.

    Parameters
    ----------
    call
        The task function, for instance ``"sr.place"``; ``sr`` is the package.
    arguments
        Arguments of the call, one per line, without ``method``, ``config``, ``seed`` and
        ``device``.
    reading
        Lines that define the variables of the arguments.
    """

    call: str
    arguments: list[str]
    reading: list[str] = field(default_factory=list)


class Common(TypedDict):
    """The choices common to all jobs, named as the fields of `Job`."""

    method: str
    config: Config
    preset: str
    seed: int
    device: str


@dataclass(frozen=True, kw_only=True)
class Job(ABC):
    """A run, independent of later changes in the window.

    Parameters
    ----------
    preset
        The preset that `config` started from; a script states only the differences.
    folder
        Folder of the checkpoints from which `resume` continues; made by `TaskModel.begin`.
    """

    method: str
    config: Config
    preset: str = "quick"
    seed: int = 0
    device: str = "auto"
    folder: Path | None = None
    resume: bool = False

    verb: ClassVar[str]
    """The task's name on the command line."""
    out: ClassVar[str] = "result.h5ad"
    """File name of the result in a script."""
    repeated: ClassVar[tuple[str, ...]] = ()
    """Options that may be repeated on the command line."""
    outcome_class: ClassVar[type[Outcome]] = Outcome

    @abstractmethod
    def __call__(self, progress: ProgressCallback, should_stop: ShouldStop) -> Outcome:
        """Run it: long work for `Run`."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What is being done, for instance "Placing batch 1"."""

    @property
    @abstractmethod
    def result_name(self) -> str:
        """The name of the result, for instance "batch 1 · GEARS"."""

    @abstractmethod
    def inputs(self) -> list[tuple[str, Input]]:
        """Return the inputs, each with its command-line option."""

    @abstractmethod
    def preflight(self) -> Preflight | Checked:
        """Check the inputs and estimate the run, without running it."""

    @abstractmethod
    def script(self) -> Script:
        """Return the part of its Python script that is specific to it."""

    def validated(self) -> dict[str, Any]:
        """Return the data as arguments of `plan_validation`.

        Raises
        ------
        InputError
            A run with these choices cannot be validated.
        """
        raise NotImplementedError(f"{self.verb} has no validation")

    def options(self, path: Callable[[Input], Path]) -> list[str]:
        """Return further command-line arguments; `path` gives the file of an input."""
        return []

    def outcome(self, out: Path) -> Outcome:
        """Read the outcome that the command line wrote to `out`."""
        from napari_spatialrecon.tissue.read import read_adata

        return self.outcome_class.of(read_adata(out), self._recorded(out))

    def _recorded(self, out: Path) -> dict[str, Any]:
        """Return the record beside the file of the command line, with the inputs of the window."""
        record = read_record(out.with_suffix(".run.json"))
        record["settings"] |= self.settings()
        return record

    def settings(self) -> dict[str, Any]:
        """Return the settings of a record besides the config: preset, input files and command."""
        from napari_spatialrecon.viewer.task.script import as_recorded

        asked: dict[str, Any] = {"preset": self.preset}
        if command := as_recorded(self):
            asked["command"] = command
        for option, table in self.inputs():
            file = str(table.path or table.name)
            if option in self.repeated:
                asked.setdefault(option, []).append(file)
            else:
                asked[option] = file
        return asked

    def changes(self) -> dict[str, Any]:
        """Return the settings that differ from the preset."""
        start = type(self.config).preset(self.preset).flat()
        return {name: value for name, value in self.config.flat().items() if value != start[name]}

    @property
    def resumable(self) -> bool:
        """Whether a stopped run left checkpoints to continue from."""
        return self.folder is not None and any(self.folder.glob("**/manifest.json"))
