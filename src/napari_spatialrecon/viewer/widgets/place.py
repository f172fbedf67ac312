"""Place cells: from what is open to cells on the tissue."""

from __future__ import annotations

from functools import partial
from typing import Any

from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_spatialrecon.errors import InputError, SpatialReconError
from napari_spatialrecon.progress import Progress
from napari_spatialrecon.viewer.notify import notify_error
from napari_spatialrecon.viewer.place_job import Outcome, PlaceJob
from napari_spatialrecon.viewer.place_layers import colour_by, set_locked, show_result
from napari_spatialrecon.viewer.place_model import PlaceModel, State
from napari_spatialrecon.viewer.place_process import InProcess
from napari_spatialrecon.viewer.tones import tones
from napari_spatialrecon.viewer.widgets.checks import Checks, checked, refused
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.loss_plot import LossPlot
from napari_spatialrecon.viewer.widgets.notice import Notice
from napari_spatialrecon.viewer.widgets.place_inputs import PlaceInputs
from napari_spatialrecon.viewer.widgets.place_result import PlaceResultPanel
from napari_spatialrecon.viewer.words import progress_line
from napari_spatialrecon.viewer.worker import Run
from napari_spatialrecon.viewer.workspace import Role, unwrapped, workspace_of

CHECK_AFTER_MS = 300
"""Quiet time after the last change before inputs are checked."""


class PlaceCells(QWidget):
    """The widget Place cells of one viewer.

    Parameters
    ----------
    napari_viewer
        Filled in by napari.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.viewer = unwrapped(napari_viewer)
        self.model = PlaceModel(workspace_of(self.viewer))
        self.inputs = PlaceInputs(self.model, self.viewer)
        self.empty = _Empty()
        self.checks, self.notice, self.plot = Checks(), Notice(), LossPlot()
        self.result = PlaceResultPanel()
        self.run_button, self.cancel_button = QPushButton("Run"), QPushButton("Cancel")
        self.resume_button = QPushButton("Resume")
        self.resume_button.setToolTip("Go on where the run was stopped")
        self.bar, self.where = QProgressBar(textVisible=False), WrappedLabel()
        self.run: Run | None = None
        self.layer: Any = None
        self._check: Run | None = None
        self._checked = -1
        self._passed = False
        self._timer = QTimer(self, singleShot=True, interval=CHECK_AFTER_MS)
        self._lay_out()
        self._connect()
        self._set_theme()
        self._on_change()

    def sizeHint(self) -> QSize:
        """Wide enough for the names of slides."""
        return QSize(370, 640)

    # Wiring

    def _connect(self) -> None:
        self._timer.timeout.connect(self._start_check)
        self.run_button.clicked.connect(partial(self.start, resume=False))
        self.resume_button.clicked.connect(partial(self.start, resume=True))
        self.cancel_button.clicked.connect(self.cancel)
        self.empty.sample_button.clicked.connect(self.open_sample)
        self.empty.open_button.clicked.connect(self.inputs._open_slides)
        self.inputs.failed.connect(self._refuse)
        self.inputs.opened.connect(self.notice.clear)
        self.result.inspect.connect(self._inspect)
        self.result.save.connect(self.save)
        self.result.colour.connect(self._colour)
        self.result.locked.connect(self._lock)
        self.model.changed.connect(self._on_change)
        self.viewer.events.theme.connect(self._set_theme)
        self.destroyed.connect(partial(_let_go, self.model, self.viewer, self))

    def _set_theme(self, event: Any = None) -> None:
        chosen = tones(self.viewer)
        for part in (self.checks, self.notice, self.plot, self.result):
            part.set_tones(chosen)

    def _on_change(self) -> None:
        """Show the model's state; check the inputs again unless a run is on."""
        model = self.model
        state = model.state
        self.inputs.refresh()
        self.inputs.setEnabled(not model.running)
        self.empty.setVisible(state is State.EMPTY)
        self.empty.show_missing(model.missing())
        self.checks.setVisible(state in (State.READY, State.FAILED))
        self.cancel_button.setEnabled(model.running)
        self.resume_button.setVisible(model.can_resume)
        busy = model.running or state is State.STOPPED
        self.bar.setVisible(busy)
        self.where.setVisible(busy)
        self.plot.setVisible(bool(model.curves))
        if model.error is not None:
            self.notice.show_error(model.error)
        if state in (State.EMPTY, State.READY):
            self._passed = False
            self._timer.start()
        self._enable_run()

    def _enable_run(self) -> None:
        self.run_button.setEnabled(self._passed and not self.model.running)
        again = self.model.state in (State.DONE, State.STOPPED, State.FAILED)
        self.run_button.setText("Run again" if again else "Run")

    # Checking the inputs

    def _start_check(self) -> None:
        if self.model.running or self.model.missing():
            return
        if self._check is not None:  # the one that runs starts the next
            return
        try:
            job = self.model.job()
        except SpatialReconError as error:
            self.checks.show_lines(refused(error))
            return
        self._checked = self.model.revision
        run = self._check = Run(partial(_check, job), "Checking", parent=self)
        run.returned.connect(self._show_checked)
        run.failed.connect(self._show_refused)
        run.finished.connect(self._after_check)
        run.start()

    def _show_checked(self, found: tuple[Any, list[str]]) -> None:
        preflight, devices = found
        self.inputs.set_devices(devices)
        self._passed = self._checked == self.model.revision
        self.checks.show_lines(checked(preflight))
        self._enable_run()

    def _show_refused(self, error: Exception) -> None:
        self.checks.show_lines(refused(error))

    def _after_check(self) -> None:
        if self._check is not None:
            self._check.deleteLater()
        self._check = None
        if self._checked != self.model.revision:
            self._timer.start()

    # Running

    def start(self, *, resume: bool = False) -> None:
        """Run, or go on with a stopped run."""
        try:
            job = self.model.begin(resume=resume)
        except SpatialReconError as error:
            self._refuse(error)
            return
        self.notice.clear()
        self._ground = self.model.image.layer if self.model.image is not None else None
        self._diameter = _spot_size(self.model)
        title = f"Placing {job.query.name}"
        work = InProcess(job) if self.model.separate else job
        run = self.run = Run(work, title, viewer=self.viewer, parent=self)
        run.progressed.connect(self._show_progress)
        run.returned.connect(self._finish)
        run.stopped.connect(self._stop)
        run.failed.connect(self._fail)
        run.finished.connect(run.deleteLater)
        self.plot.set_curves(self.model.curves)
        self.bar.setRange(0, 0)
        self.where.setText("Starting")
        run.start()

    def cancel(self) -> None:
        """Stop the run."""
        if self.run is not None and self.model.running:
            self.where.setText("Stopping")
            self.cancel_button.setEnabled(False)
            self.run.cancel()

    def _show_progress(self, progress: Progress) -> None:
        self.bar.setRange(0, progress.total or 0)
        self.bar.setValue(progress.step)
        self.where.setText(progress_line(progress))
        if self.model.curves.add(progress):
            self.plot.setVisible(True)
            self.plot.update()

    def _finish(self, outcome: Outcome) -> None:
        self.run = None
        self.model.finish(outcome)
        ground = self._ground if self._ground in self.viewer.layers else None
        try:
            self.layer = show_result(
                self.viewer,
                outcome,
                self.model.result_name(),
                diameter_um=self._diameter,
                image=ground if _is_image(ground) else None,
            )
        except Exception as error:
            self._refuse(error)
        self.result.show_outcome(self.model)
        self._inspect()
        QTimer.singleShot(0, self._show_result)

    def _stop(self, _: Any) -> None:
        self.run = None
        self.where.setText("Stopped. " + ("Resume goes on from here." if self.model.last else ""))
        self.model.stop()

    def _fail(self, error: Exception) -> None:
        self.run = None
        self.model.fail(error)
        if not self.isVisible():
            notify_error(error)

    def _refuse(self, error: Exception) -> None:
        self.notice.show_error(error)

    # The result

    def _show_result(self) -> None:
        self.area.ensureWidgetVisible(self.result)

    def _inspect(self) -> None:
        if self.layer not in self.viewer.layers:
            return
        self.layer.visible = True
        self.viewer.layers.selection = {self.layer}
        self.viewer.reset_view()

    def _colour(self, name: str) -> None:
        try:
            if self.layer in self.viewer.layers and self.model.outcome is not None:
                colour_by(self.layer, self.model.outcome, name)
        except InputError as error:
            self._refuse(error)

    def _lock(self, locked: bool) -> None:
        if self.layer in self.viewer.layers:
            set_locked(self.layer, locked)

    def save(self) -> None:
        """Ask where, and write the cells and the record of the run."""
        outcome = self.model.outcome
        assert outcome is not None, "saved after a run"
        name = f"{self.model.last.query.name} placed.h5ad"
        path = QFileDialog.getSaveFileName(self, "Save run", name, "Tables (*.h5ad)")[0]
        if path:
            self.save_as(path if path.endswith(".h5ad") else f"{path}.h5ad")

    def save_as(self, path: str) -> None:
        """Write the cells and the record of the run in the background."""
        outcome = self.model.outcome
        run = Run(lambda *_: outcome.write(path), "Saving", viewer=self.viewer, parent=self)
        run.returned.connect(
            lambda files: self.result.status.setText("Saved " + " and ".join(f.name for f in files))
        )
        run.failed.connect(self._refuse)
        run.finished.connect(run.deleteLater)
        run.start()

    def open_sample(self) -> None:
        """Open the simulated cortex, in this viewer."""
        from napari_spatialrecon.viewer.samples import cortex

        cortex()

    def _lay_out(self) -> None:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(8)
        buttons = QHBoxLayout()
        for button in (self.run_button, self.resume_button, self.cancel_button):
            buttons.addWidget(button, 1)
        for widget in (self.empty, self.inputs, self.checks):
            column.addWidget(widget)
        column.addLayout(buttons)
        for widget in (self.bar, self.where, self.notice, self.plot, self.result):
            column.addWidget(widget)
        column.addStretch()
        area = self.area = QScrollArea(widgetResizable=True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(area)
        self.setMinimumWidth(320)


class _Empty(QFrame):
    """Says what is missing, and offers the sample."""

    def __init__(self) -> None:
        super().__init__()
        self.label = WrappedLabel()
        self.sample_button = QPushButton("Open the sample")
        self.sample_button.setToolTip("A simulated cortex: three slides with H&E, 3,000 cells")
        self.open_button = QPushButton("Open slides…")
        row = QHBoxLayout()
        row.addWidget(self.sample_button)
        row.addWidget(self.open_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.label)
        layout.addLayout(row)

    def show_missing(self, missing: list[str]) -> None:
        self.label.setText("Still needed:\n" + "\n".join(f"• {text}" for text in missing))


def _check(job: PlaceJob, progress: Any, should_stop: Any) -> tuple[Any, list[str]]:
    import torch

    found = job.preflight()
    gpus = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    apple = ["mps"] if torch.backends.mps.is_available() else []
    return found, ["auto", "cpu", *gpus, *apple]


def _is_image(layer: Any) -> bool:
    from napari.layers import Image

    return isinstance(layer, Image)


def _spot_size(model: PlaceModel) -> float | None:
    """Return the diameter, µm, of a slide's spots that are placed as cells."""
    query = model.query
    if query is None or query.role is not Role.SLIDE or query.layer is None:
        return None
    return float(query.layer.size.max()) if query.um_per_unit else None


def _let_go(model: PlaceModel, viewer: Any, widget: PlaceCells) -> None:
    """Forget a widget that Qt has deleted."""
    model.changed.disconnect(widget._on_change)
    model.close()
    viewer.events.theme.disconnect(widget._set_theme)
