"""The frame of every task widget: missing inputs, inputs, run, result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from qtpy.QtCore import QSignalBlocker, QSize, QTimer
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.canvas.coloring import color_layer, coloring_of, fade
from napari_spatialrecon.viewer.canvas.colors import is_faded
from napari_spatialrecon.viewer.canvas.detail import keep_smooth
from napari_spatialrecon.viewer.canvas.layer_values import fading_tells, layer_names
from napari_spatialrecon.viewer.canvas.layers import unwrapped
from napari_spatialrecon.viewer.canvas.view import show_tissue
from napari_spatialrecon.viewer.session.keeper import keeper_of
from napari_spatialrecon.viewer.task.ground import Ground
from napari_spatialrecon.viewer.task.inputs import Inputs
from napari_spatialrecon.viewer.task.model import OutcomeT, State, TaskModel
from napari_spatialrecon.viewer.task.result_layers import set_locked
from napari_spatialrecon.viewer.task.result_panel import ResultPanel
from napari_spatialrecon.viewer.task.run_panel import RunPanel
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.saving import ask_where, offer_elsewhere
from napari_spatialrecon.viewer.widgets.scroll_column import ScrollColumn
from napari_spatialrecon.viewer.widgets.tab_order import focus_style, order_tabs
from napari_spatialrecon.viewer.window.docks import share_tabs
from napari_spatialrecon.viewer.window.ended import when_destroyed
from napari_spatialrecon.viewer.window.tones import Themed, tones
from napari_spatialrecon.viewer.window.worker import Run, Work
from napari_spatialrecon.viewer.workspace.reopening import with_look
from napari_spatialrecon.viewer.workspace.results import Result
from napari_spatialrecon.viewer.workspace.simulated import open_simulated
from napari_spatialrecon.viewer.workspace.workspace import workspace_of

if TYPE_CHECKING:
    from napari.layers import Layer, Points
    from napari.utils.events import Event
    from napari.viewer import Viewer

ModelT = TypeVar("ModelT", bound=TaskModel)


class TaskWidget(QWidget, Generic[ModelT, OutcomeT]):
    """A task's dock widget in one viewer.

    A subclass names its model and its inputs, and shows the outcome of a run (`show_layer`).

    Parameters
    ----------
    napari_viewer
        Filled in by napari.

    Attributes
    ----------
    panel, result
        The parts below the inputs.
    layer
        The layer of the last run's result; None before a run.
    finished
        The last run's result in the list of the session; None before a run.
    """

    model_class: type[ModelT]
    inputs_class: type[Inputs]
    curves_tip = ""
    """Tooltip of the upper curves; empty for the held-out error."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.viewer = unwrapped(napari_viewer)
        keep_smooth(self.viewer)
        share_tabs(self)
        self.space = workspace_of(self.viewer)
        self.model: ModelT = self.model_class(self.space)
        self.inputs = self.inputs_class(self.model, self.viewer)
        self.empty = _Empty()
        self.panel = RunPanel(self.model, self.viewer, self.curves_tip)
        self.result = ResultPanel()
        self.layer: Layer | None = None
        self.finished: Result | None = None
        self._lay_out()
        self._connect()
        self._set_theme()
        self._on_change()
        above, below = self.parts[:3], self.parts[3:]
        order_tabs(*above, self.panel.foot, *below)
        keeper_of(self.viewer)
        for result in list(self.space.results)[::-1]:
            if self._is_reopened(result):
                self._reopen(result)
                break

    def sizeHint(self) -> QSize:
        """Wide enough for the names of slides."""
        return QSize(370, 640)

    # Implemented by subclasses

    def show_layer(self, outcome: OutcomeT) -> Layer | None:
        """Show an outcome in the viewer and return its layer."""
        raise NotImplementedError

    def show_reopened(self, outcome: OutcomeT, result: Result) -> None:
        """Show in the widget's own parts a result that was opened again, and is on the canvas."""

    @property
    def ground(self) -> Ground:
        """The layers below the last run's outcome that the viewer still has."""
        return self.model.ground.left_in(self.viewer)

    def more_parts(self) -> list[QWidget]:
        """Make and return the widgets below the result."""
        return []

    def result_parts(self) -> list[QWidget]:
        """Return those of them that are shown with a result only."""
        return self.below

    # Wiring

    def _connect(self) -> None:
        self.empty.sample_button.clicked.connect(self.open_sample)
        self.empty.open_button.clicked.connect(self.inputs.start_opening)
        self.inputs.failed.connect(self.panel.refuse)
        self.inputs.opened.connect(self.panel.notice.clear)
        self.panel.devices.connect(self.inputs.set_devices)
        self.result.inspect.connect(self.inspect)
        self.result.better.connect(self.use_method)
        self.panel.smaller.connect(self.use_method)
        self.result.save.connect(self.save)
        self.result.color.connect(self._color)
        self.result.faded.connect(self._fade)
        self.result.locked.connect(self._lock)
        self.model.changed.connect(self._on_change)
        self.model.finished.connect(self._finish)
        self.viewer.events.theme.connect(self._set_theme)
        self._gone = QTimer(self)
        self._gone.setSingleShot(True)
        self._gone.timeout.connect(self._forget_deleted)
        self.viewer.layers.events.removed.connect(self._on_removed)
        self.space.results.events.added.connect(self._reopen)
        when_destroyed(self, _release, self.model, self.viewer, self)

    def _set_theme(self, event: Event | None = None) -> None:
        chosen = tones(self.viewer)
        self.setStyleSheet(focus_style(chosen))
        for part in self.parts:
            if isinstance(part, Themed):
                part.set_tones(chosen)

    def _on_change(self) -> None:
        """Show the model's state."""
        model = self.model
        self.inputs.follow_method()
        self.inputs.refresh()
        self.inputs.lock(model.running)
        self.empty.setVisible(model.state is State.EMPTY)
        self.empty.show_missing(model.missing(), opening=not model.all_open)
        self.panel.refresh()
        if model.outcome is None:
            for part in (self.result, *self.result_parts()):
                part.hide()

    # The result

    def _on_removed(self, event: Event | None = None) -> None:
        """Look for the result once a change of layers is complete: a rerun replaces its own."""
        self._gone.start()

    def _forget_deleted(self) -> None:
        """Show no verdict on a result whose layer was deleted."""
        if self.layer is not None and self.shown is None and self.model.outcome is not None:
            self.layer = None
            self.model.forget()

    def use_method(self, name: str) -> None:
        """Choose another method, and run it on the same data."""
        self.inputs.method.setCurrentIndex(self.inputs.method.findData(name))
        self.panel.start()

    def _finish(self, outcome: OutcomeT) -> None:
        try:
            self.layer = self.show_layer(outcome)
        except Exception as error:
            self.panel.refuse(error)
        self.finished = self._listed(outcome)
        self.result.show_outcome(self.model)
        points = self.points
        if points is not None and fading_tells(points.features):
            self._fade(self.result.fade.isChecked())
        self._follow_colors()
        self._inspect()
        timer = QTimer(self)  # deleted with the widget
        timer.setSingleShot(True)
        timer.timeout.connect(self._reveal)
        timer.timeout.connect(timer.deleteLater)
        timer.start(0)

    def _listed(self, outcome: OutcomeT) -> Result:
        """Add the outcome to the results of the session."""
        model = self.model
        return self.space.results.add(
            Result(
                model.result_name,
                model.task,
                outcome.adata,
                outcome.record,
                layer=self.shown,
                job=model.last,
                outcome=outcome,
            )
        )

    def _is_reopened(self, result: Result) -> bool:
        """Return whether a result was made by this task in an earlier session."""
        mine = result.task == self.model.task
        return mine and result.job is None and result.outcome is not None

    def _reopen(self, result: Result) -> None:
        """Show a result of this task that was opened again, as after its run."""
        if not self._is_reopened(result) or self.model.running:
            return
        self.layer, self.finished = result.layer, result
        self.model.reopen(result.outcome, result.name)
        self.panel.plot.set_curves(self.model.curves)
        self.panel.refresh()
        self.show_reopened(result.outcome, result)
        self.result.show_outcome(self.model)
        self._follow_colors()

    def _reveal(self) -> None:
        self.area.ensureWidgetVisible(self.result)

    @property
    def shown(self) -> Layer | None:
        """The result's layer; None before a run, or once it was deleted."""
        return self.layer if self.layer in self.viewer.layers else None

    @property
    def points(self) -> Points | None:
        """The result's layer if it is a points layer, else None."""
        from napari.layers import Points

        shown = self.shown
        return shown if isinstance(shown, Points) else None

    def inspect(self) -> None:
        """Zoom to the result, and open the tab Inspect on it where there is one."""
        self._inspect()
        if self.shown is not None:
            self.space.go.emit("inspect", self.shown)

    def _inspect(self) -> None:
        """Select the result, and zoom to it."""
        layer = self.shown
        if layer is None:
            return
        layer.visible = True
        self.viewer.layers.selection = {layer}
        show_tissue(self.viewer)

    def _color(self, name: str) -> None:
        """Color the selected layer if it has the gene or column, else the last run's."""
        from napari.layers import Points

        points, active = self.points, self.viewer.layers.selection.active
        if isinstance(active, Points) and any(name in names for names in layer_names(active)):
            points = active
        try:
            if points is not None:
                color_layer(points, name)
                points.visible = True
        except InputError as error:
            self.panel.refuse(error)
            self.area.ensureWidgetVisible(self.panel.notice)
            self._show_colors()
        else:
            self.panel.notice.clear()

    def _follow_colors(self) -> None:
        """Show what the result is colored by, now and whenever its colors change."""
        points = self.points
        if points is not None:
            points.events.face_color.connect(self._show_colors)
        self._show_colors()

    def _show_colors(self) -> None:
        """Name what the result is colored by, and whether it is faded, as chosen anywhere."""
        points = self.points
        held = None if points is None else coloring_of(points)
        if held is not None:
            self.result.color_by.field.show_name(held[0].name)
        with QSignalBlocker(self.result.fade):
            self.result.fade.setChecked(points is not None and is_faded(points))

    def _fade(self, faded: bool) -> None:
        points = self.points
        if points is not None:
            fade(points, faded)

    def _lock(self, locked: bool) -> None:
        layer = self.shown
        if layer is not None:
            set_locked(layer, locked)

    def save(self) -> None:
        """Ask where to save, and write the result and the record of the run."""
        assert self.model.outcome is not None, "saved after a run"
        if path := ask_where(self, "Save run", self.model.result_name):
            self.save_as(path)

    def save_as(self, path: str) -> None:
        """Write the result and the record of the run in the background."""
        outcome = self.model.outcome
        assert outcome is not None, "saved after a run"
        outcome = replace(outcome, record=with_look(outcome.record, self.shown))
        finished, results = self.finished, self.space.results

        def work(*_: object) -> str:
            return "Saved " + " and ".join(file.name for file in outcome.write(path))

        def mark(_: object) -> None:
            if finished is not None:
                results.mark_saved(finished, path)

        self.save_in_background(work, mark, again=self.save)

    def save_in_background(
        self,
        work: Work,
        then: Callable[[object], None] | None = None,
        *,
        again: Callable[[], None] | None = None,
    ) -> None:
        """Write files in the background; show the text that `work` returns, or the error.

        Parameters
        ----------
        again
            Asks for another place; offered if this one could not be written.
        """
        run = Run(work, "Saving", viewer=self.viewer, parent=self)
        run.returned.connect(self.result.status.setText)
        if then is not None:
            run.returned.connect(then)
        run.failed.connect(self.panel.refuse)
        if again is not None:
            run.failed.connect(partial(offer_elsewhere, self, again))
        run.finished.connect(run.deleteLater)
        run.start()

    def open_sample(self) -> None:
        """Open the simulated cortex, in this viewer."""
        open_simulated(self.viewer, "cortex")

    def _lay_out(self) -> None:
        self.area = ScrollColumn()
        column = self.area.column
        above = [self.empty, self.inputs, self.panel, self.result]
        self.below = self.more_parts()
        self.parts: list[QWidget] = [*above, *self.below]
        for widget in self.parts:
            column.addWidget(widget)
        column.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.area, 1)
        layout.addWidget(self.panel.foot)
        self.setMinimumWidth(320)


class _Empty(QFrame):
    """Lists missing inputs, and offers the sample."""

    def __init__(self) -> None:
        super().__init__()
        self.label = WrappedLabel()
        self.sample_button = QPushButton("Open the sample")
        self.sample_button.setToolTip("A simulated cortex: three slides with H&E, and 3,000 cells")
        self.open_button = QPushButton("Open slides…")
        row = QHBoxLayout()
        row.addWidget(self.sample_button)
        row.addWidget(self.open_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.label)
        layout.addLayout(row)

    def show_missing(self, missing: list[str], *, opening: bool) -> None:
        """List what is missing, and offer to open slides where that is what is missing."""
        self.sample_button.setVisible(opening)
        self.open_button.setVisible(opening)
        self.label.setText("Still needed:\n" + "\n".join(f"• {text}" for text in missing))


def _release(model: TaskModel, viewer: Viewer, widget: TaskWidget) -> None:
    """Disconnect the signals of a widget that Qt has deleted."""
    model.changed.disconnect(widget._on_change)
    model.finished.disconnect(widget._finish)
    model.close()
    widget.space.results.events.added.disconnect(widget._reopen)
    viewer.events.theme.disconnect(widget._set_theme)
    viewer.layers.events.removed.disconnect(widget._on_removed)
