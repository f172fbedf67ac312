"""Checking a task's inputs and running it: checks, Run, Cancel, Resume, progress, curves."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer, Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_spatialrecon.errors import SpatialReconError
from napari_spatialrecon.progress import Progress, ProgressCallback, ShouldStop
from napari_spatialrecon.viewer.task.checks import (
    Checks,
    checked,
    memory_lines,
    refused,
    room_line,
)
from napari_spatialrecon.viewer.task.job import Checked, Job, Line
from napari_spatialrecon.viewer.task.loss_plot import LossPlot
from napari_spatialrecon.viewer.task.memory import MemoryBox, approved
from napari_spatialrecon.viewer.task.model import State, TaskModel
from napari_spatialrecon.viewer.task.process import InProcess
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.notice import Notice
from napari_spatialrecon.viewer.widgets.tab_order import focus_kept
from napari_spatialrecon.viewer.window.notify import notify_error
from napari_spatialrecon.viewer.window.present import present
from napari_spatialrecon.viewer.window.tones import Tones
from napari_spatialrecon.viewer.window.words import progress_line
from napari_spatialrecon.viewer.window.worker import Run

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_spatialrecon.tasks.memory import Need
    from napari_spatialrecon.tasks.preflight import Preflight

CHECK_AFTER_MS = 300
"""Quiet time after the last change before inputs are checked."""
REDRAW_S = 0.25
"""Shortest time between two redraws of the progress; each redraws the whole window."""


class RunPanel(QWidget):
    """Everything between the inputs of a task widget and its result.

    Signals: ``devices(list[str])``, found while checking; ``smaller(str)``: a method that fits the
    memory is wanted in place of the chosen one.

    Attributes
    ----------
    foot
        Run, Cancel and the progress, shown below what scrolls.

    Parameters
    ----------
    model
        The model that is run and receives the outcome.
    viewer
        Also shows the progress, and stops the run when it is closed.
    tip
        Tooltip of the upper curves; if empty, that of the held-out error.
    """

    devices = Signal(list)
    smaller = Signal(str)

    def __init__(self, model: TaskModel, viewer: ViewerModel, tip: str = "") -> None:
        super().__init__()
        self.model, self.viewer = model, viewer
        self.checks, self.notice = Checks(), Notice()
        self.plot = LossPlot(tip) if tip else LossPlot()
        self.run_button, self.cancel_button = QPushButton("Run"), QPushButton("Cancel")
        self.resume_button = QPushButton("Resume")
        self.resume_button.setToolTip("Continue the stopped run")
        self.validate_button = QPushButton("Validate…")
        self.validate_button.setToolTip(
            "Is the method better than its baselines? Hides truth that your own data hold, and "
            "says how long that takes before it starts"
        )
        self._buttons = (
            *(self.run_button, self.resume_button, self.cancel_button),
            self.validate_button,
        )
        self.bar, self.where = QProgressBar(), WrappedLabel()
        self.foot = QWidget()
        self.bar.setTextVisible(False)
        self.run: Run | None = None
        self._watching = True
        self._check: Run | None = None
        self._checked = -1
        self._passed = self._undrawn = False
        self._need: Need | None = None
        self._drawn = ("", 0.0)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(CHECK_AFTER_MS)
        self._timer.timeout.connect(self._start_check)
        self.run_button.clicked.connect(partial(self.start, resume=False))
        self.resume_button.clicked.connect(partial(self.start, resume=True))
        self.cancel_button.clicked.connect(self.cancel)
        self.validate_button.clicked.connect(lambda: self.model.workspace.go.emit("validate", None))
        self._lay_out()

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        for part in (self.checks, self.notice, self.plot):
            part.set_tones(tones)

    def refresh(self) -> None:
        """Show the model's state; check the inputs again unless a run is in progress."""
        with focus_kept(self._buttons, self.foot):
            self._refresh()

    def _refresh(self) -> None:
        model, state = self.model, self.model.state
        self.checks.setVisible(state in (State.READY, State.FAILED))
        self.cancel_button.setEnabled(model.running)
        self.resume_button.setVisible(model.can_resume)
        self._offer_validation()
        busy = model.running or state is State.STOPPED
        self.bar.setVisible(busy)
        self.where.setVisible(busy)
        self.plot.setVisible(bool(model.curves))
        self.plot.refresh()
        if model.error is not None:
            self.notice.show_error(model.error)
        if state in (State.EMPTY, State.READY):
            self._passed = False
            self._timer.start()
        self._enable_run()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Offer a validation where there is a tab for it."""
        super().showEvent(event)
        self._offer_validation()

    def _offer_validation(self) -> None:
        offered = self.model.validates and "workbench" in self.model.workspace.kept
        self.validate_button.setVisible(offered)
        self.validate_button.setEnabled(not self.model.running and not self.model.missing())

    def refuse(self, error: Exception) -> None:
        """Show what was wrong, and what to try."""
        self.notice.show_error(error)

    def _enable_run(self) -> None:
        self.run_button.setEnabled(self._passed and not self.model.running)
        again = self.model.state in (State.DONE, State.STOPPED, State.FAILED)
        self.run_button.setText("Run again" if again else "Run")

    # Checking the inputs

    def watch(self, on: bool) -> None:
        """Check inputs after each change, or not while another task is shown."""
        self._watching = on
        if on and self._checked != self.model.revision:
            self._timer.start()

    def _start_check(self) -> None:
        if not self._watching or self.model.running or self.model.missing():
            return
        if self._check is not None:  # the next starts when this one ends
            return
        try:
            job = self.model.job()
        except SpatialReconError as error:
            self.checks.show_lines(refused(error))
            return
        self._checked, self._need = self.model.revision, None
        if not self.checks.lines:
            self.checks.show_lines([("quiet", "Checking the inputs…")])
        run = self._check = Run(partial(_check, job), "Checking", parent=self)
        run.returned.connect(self._show_checked)
        run.failed.connect(lambda error: self.checks.show_lines(refused(error)))
        run.finished.connect(self._after_check)
        run.start()

    def _show_checked(self, found: tuple[Preflight | Checked, list[str], Line]) -> None:
        preflight, devices, room = found
        self.devices.emit(devices)
        self._passed = self._checked == self.model.revision
        self._need = preflight.memory
        self.checks.show_lines([*checked(preflight), *memory_lines(preflight), room])
        self._enable_run()

    def _after_check(self) -> None:
        if self._check is not None:
            self._check.deleteLater()
        self._check = None
        if self._checked != self.model.revision:
            self._timer.start()

    # Running

    def start(self, *, resume: bool = False, anyway: bool = False) -> None:
        """Run, or continue a stopped run; ask first whether one is wanted that may not fit.

        Parameters
        ----------
        anyway
            Whether it is wanted in any case.
        """
        need = self._need if self._checked == self.model.revision else None
        if need is not None and need.is_short and not (anyway or resume):
            self._ask(need)
            return
        try:
            job = self.model.begin(resume=resume)
        except SpatialReconError as error:
            self.refuse(error)
            return
        self.notice.clear()
        work = InProcess(job) if self.model.separate else job
        run = self.run = Run(approved(work), job.title, viewer=self.viewer, parent=self, long=True)
        run.progressed.connect(self._show_progress)
        run.returned.connect(self.model.finish)
        run.stopped.connect(self._stop)
        run.failed.connect(self._fail)
        run.finished.connect(partial(self._forget, run))
        self.plot.set_curves(self.model.curves)
        self.bar.setRange(0, 0)
        self.where.setText("Starting")
        self._drawn = ("", 0.0)
        run.start()

    def _ask(self, need: Need) -> None:
        box = MemoryBox(need, self.model.task, self.window())
        if box.smaller_button is not None:
            box.smaller_button.clicked.connect(lambda: self.smaller.emit(need.smaller))
        present(box.run_button).clicked.connect(partial(self.start, anyway=True))
        box.open()

    def cancel(self) -> None:
        """Stop the run."""
        if self.run is not None and self.model.running:
            self.where.setText("Stopping")
            with focus_kept(self._buttons, self.foot):
                self.cancel_button.setEnabled(False)
            self.run.cancel()

    def _show_progress(self, progress: Progress) -> None:
        self._undrawn |= self.model.curves.add(progress)
        if self.run is not None and self.run.cancelled:  # "Stopping" is shown
            return
        now = time.monotonic()
        stage, last = self._drawn
        if progress.stage == stage and progress.step != progress.total and now - last < REDRAW_S:
            return
        self._drawn = progress.stage, now
        self.bar.setRange(0, progress.total or 0)
        self.bar.setValue(progress.step)
        self.where.setText(progress_line(progress))
        if self._undrawn:
            self._undrawn = False
            self.plot.setVisible(True)
            self.plot.refresh()

    def _forget(self, run: Run) -> None:
        if self.run is run:
            self.run = None
        run.deleteLater()

    def _stop(self, _: object) -> None:
        left = self.model.last is not None and self.model.last.resumable
        self.where.setText("Stopped." + (" Resume continues from here." if left else ""))
        self.model.stop()

    def _fail(self, error: Exception) -> None:
        self.model.fail(error)
        if not self.isVisible():
            notify_error(error)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for widget in (self.checks, self.notice, self.plot):
            column.addWidget(widget)
        buttons = QHBoxLayout()
        for button in self._buttons:
            buttons.addWidget(button, 1)
        below = QVBoxLayout(self.foot)
        below.setContentsMargins(8, 6, 8, 8)
        below.setSpacing(4)
        below.addLayout(buttons)
        below.addWidget(self.bar)
        below.addWidget(self.where)


def _check(
    job: Job, progress: ProgressCallback, should_stop: ShouldStop
) -> tuple[Preflight | Checked, list[str], Line]:
    import torch

    found, room = job.preflight(), room_line(job)
    gpus = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    apple = ["mps"] if torch.backends.mps.is_available() else []
    return found, ["auto", "cpu", *gpus, *apple], room
