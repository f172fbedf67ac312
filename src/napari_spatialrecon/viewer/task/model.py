"""A task without a window: choices, missing inputs and the state of its run.

Each widget defines a subclass of `TaskModel` (of `slides_model.SlidesModel` if it learns from
slides) that reports missing inputs and makes the job.
"""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar, Unpack

from psygnal import Signal

from napari_spatialrecon.errors import ConfigError, InputError, SpatialReconError, Stopped
from napari_spatialrecon.methods.registry import MethodInfo, default_for, find_method
from napari_spatialrecon.viewer.task.curves import Curves
from napari_spatialrecon.viewer.task.ground import Ground
from napari_spatialrecon.viewer.task.job import Common, Job, Line, Outcome
from napari_spatialrecon.viewer.task.shared_choice import SharedChoice
from napari_spatialrecon.viewer.workspace.reopening import SHOWN
from napari_spatialrecon.viewer.workspace.workspace import Entry, Role, Workspace

if TYPE_CHECKING:
    from napari_spatialrecon.hyperparameters import Config


JobT = TypeVar("JobT", bound=Job)
OutcomeT = TypeVar("OutcomeT", bound=Outcome)


CURVES = "curves"
"""Key of a record: the curves that were drawn during the run."""


class State(StrEnum):
    """The state of the widget."""

    EMPTY = "empty"
    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


class TaskModel(ABC, Generic[JobT, OutcomeT]):
    """The choices made for a task, and its run.

    Parameters
    ----------
    workspace
        The open tables and images; the model follows its changes.

    Attributes
    ----------
    ground
        Where the outcome of the last run is shown.
    revision
        Number of changes of the choices so far.
    """

    task: ClassVar[str]
    """The task's name in `methods.registry`."""
    ignored_roles: ClassVar[tuple[Role, ...]] = (Role.RESULT,)
    """Roles whose entries do not affect the choices."""
    validates: ClassVar[bool] = False
    """Whether its methods can be validated on held-out truth."""
    changed = Signal()
    finished = Signal(object)
    """Carries the outcome of a run."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.seed, self.device, self.separate = 0, "auto", False
        self.preset = "quick"
        self.curves = self.new_curves()
        self.revision = 0
        self.outcome: OutcomeT | None = None
        self.error: SpatialReconError | Exception | None = None
        self.last: JobT | None = None
        self.ground = Ground()
        self._config: Config | ConfigError | None = None
        self._method = default_for(self.task)
        self._phase: State | None = None
        self._reopened = ""
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        for signal in (workspace.events.added, workspace.events.changed):
            signal.connect(self._on_workspace)
        workspace.events.removed.connect(self._on_removed)

    # Implemented by subclasses

    @abstractmethod
    def missing(self) -> list[str]:
        """Return what must be opened or chosen first."""

    @property
    def all_open(self) -> bool:
        """Whether what is missing is only to be chosen, in the fields."""
        return False

    @abstractmethod
    def make_job(self, **common: Unpack[Common]) -> JobT:
        """Return a run with the current choices; called only if nothing is missing.

        Parameters
        ----------
        common
            The choices common to all jobs.
        """

    def find_ground(self) -> Ground:
        """Return where the outcome of a run that starts now will be shown."""
        return Ground()

    def new_curves(self) -> Curves:
        """Return empty curves for a run's reports."""
        return Curves()

    def facts(self) -> list[Line]:
        """Return what the user should know about the last outcome."""
        return [] if self.outcome is None else self.outcome.facts()

    def share(self, choice: SharedChoice) -> None:
        """Write the data of this task, for the task that is shown next."""

    def take(self, choice: SharedChoice) -> None:
        """Use the data of the task that was shown before, as far as this one can."""

    def start_with(self, entry: Entry) -> None:
        """Use an entry as the input that its role suggests."""

    # Choices

    @property
    def method(self) -> MethodInfo:
        """The method."""
        return find_method(self._method, self.task)

    @method.setter
    def method(self, name: str) -> None:
        self._method = find_method(name, self.task).name
        self._config = None
        self.choose()

    def set_config(self, config: Config | ConfigError, preset: str) -> None:
        """Set the hyper-parameters, or what is wrong with them."""
        self._config, self.preset = config, preset
        self.choose()

    def job(self) -> JobT:
        """Return a run with the current choices.

        Raises
        ------
        InputError
            Something is missing or not allowed.
        """
        if self.missing():
            raise InputError(f"Expected {' and '.join(self.missing())}; found none.")
        if isinstance(self._config, ConfigError):
            raise self._config
        return self.make_job(
            method=self._method,
            config=self._config or self.method.config()(),
            preset=self.preset if self._config is not None else "quick",
            seed=self.seed,
            device=self.device,
        )

    # The state of the run

    @property
    def state(self) -> State:
        """The state of the widget."""
        if self._phase is not None:
            return self._phase
        return State.EMPTY if self.missing() else State.READY

    @property
    def running(self) -> bool:
        """Whether a run is in progress."""
        return self._phase is State.RUNNING

    @property
    def can_resume(self) -> bool:
        """Whether the stopped run can be continued."""
        last = self.last
        return self._phase is State.STOPPED and last is not None and last.resumable

    @property
    def result_name(self) -> str:
        """The name of the last run's result, or of one that was opened again since.

        Where the method was chosen by the run, it is named after the one that was kept.
        """
        last, outcome = self.last, self.outcome
        if last is None:
            return self._reopened
        if outcome is None or not find_method(last.method, self.task).selects:
            return last.result_name
        return replace(last, method=outcome.record["method"]).result_name

    def begin(self, *, resume: bool = False) -> JobT:
        """Record that a run starts, and return it.

        Raises
        ------
        InputError
            Something is missing, or a run is in progress.
        """
        if self.running:
            raise InputError(
                "Expected one run at a time, found one in progress.",
                remedy="Try Cancel first.",
            )
        if resume and self.last is not None and self.can_resume:
            job = replace(self.last, resume=True)
        else:
            job = self.job()
            self._clean_up()
            self._folder = tempfile.TemporaryDirectory(prefix="spatialrecon-")
            name = f"{Path(job.out).stem}.resume"
            job = replace(job, folder=Path(self._folder.name) / name)
            self.curves = self.new_curves()
        self.last, self.error, self.outcome = job, None, None
        self.ground = self.find_ground()
        self._enter(State.RUNNING)
        return job

    def finish(self, outcome: OutcomeT) -> None:
        """Record what the run returned; with it are kept its curves, and how it is shown."""
        self.outcome = outcome
        shown = {"name": self.result_name, "diameter_um": self.ground.diameter_um}
        kept = {**outcome.record, CURVES: self.curves.state(), SHOWN: shown}
        self.outcome = outcome = replace(outcome, record=kept)
        self._clean_up()
        self._enter(State.DONE)
        self.finished.emit(outcome)

    def reopen(self, outcome: OutcomeT, name: str) -> None:
        """Show the outcome of an earlier run, unless one is in progress."""
        if self.running:
            return
        self.outcome, self.last, self.error = outcome, None, None
        self._reopened = name
        self.ground = Ground()
        curves = outcome.record.get(CURVES)
        self.curves = self.new_curves() if curves is None else Curves.of(curves)
        if curves is None:
            self.curves.replay(outcome.record.get("history", ()))
        self._enter(State.DONE)

    def forget(self) -> None:
        """Drop the last outcome, whose layer was deleted."""
        self.outcome = None
        self._enter(None if self._phase is State.DONE else self._phase)

    def stop(self) -> None:
        """Record that the run was stopped."""
        self._enter(State.STOPPED)

    def fail(self, error: Exception) -> None:
        """Record that the run failed, or that it was stopped."""
        if isinstance(error, Stopped):
            self.stop()
            return
        self.error = error
        self._enter(State.FAILED)

    def choose(self) -> None:
        """Announce that a choice changed; this clears the state of a finished run."""
        self.revision += 1
        if not self.running:
            self._phase, self.error = None, None
        self.changed.emit()

    def close(self) -> None:
        """Disconnect signals, and delete the temporary folder of a stopped run."""
        events = self.workspace.events
        events.added.disconnect(self._on_workspace)
        events.changed.disconnect(self._on_workspace)
        events.removed.disconnect(self._on_removed)
        self._clean_up()

    def _enter(self, phase: State | None) -> None:
        self._phase = phase
        self.changed.emit()

    def _on_workspace(self, entry: Entry) -> None:
        if entry.role not in self.ignored_roles:
            self.choose()

    def _on_removed(self, entry: Entry) -> None:
        self._on_workspace(entry)

    def _clean_up(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
