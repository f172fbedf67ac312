"""Color the selected layer by any gene or column, and set how its points look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, Qt, QTimer
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QHBoxLayout, QLabel, QSlider, QVBoxLayout

from napari_spatialrecon.viewer.canvas.coloring import (
    Coloring,
    coloring_of,
    diameter,
    fade,
    paint,
    set_diameter,
)
from napari_spatialrecon.viewer.canvas.colors import color_key, is_faded
from napari_spatialrecon.viewer.canvas.layer_values import (
    Found,
    fading_tells,
    layer_names,
    layer_values,
)
from napari_spatialrecon.viewer.canvas.layers import um_per_layer_unit
from napari_spatialrecon.viewer.canvas.point_values import LABELS
from napari_spatialrecon.viewer.canvas.rims import (
    ground_color,
    has_rims,
    set_rims,
    setting_rims,
)
from napari_spatialrecon.viewer.canvas.shapes import can_shape, has_shapes, set_shapes
from napari_spatialrecon.viewer.inspect.number_scale import NumberScale
from napari_spatialrecon.viewer.inspect.part import Part
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.name_search import NameSearch
from napari_spatialrecon.viewer.widgets.notice import Notice
from napari_spatialrecon.viewer.widgets.qt_look import ignore_wheel
from napari_spatialrecon.viewer.window.ended import when_destroyed
from napari_spatialrecon.viewer.window.main_window import canvas_of
from napari_spatialrecon.viewer.window.steps import at_once
from napari_spatialrecon.viewer.window.tones import Tones
from napari_spatialrecon.viewer.window.turns import Turns
from napari_spatialrecon.viewer.window.worker import Run

if TYPE_CHECKING:
    from napari.layers import Points
    from napari.viewer import Viewer

IN_BACKGROUND = 20_000
"""Points from which values are computed in the background."""
REPAINT_MS = 40
"""Milliseconds between two repaints while a limit is dragged."""
_STEPS = 200
_SPAN = 20.0
_KEPT = "inspect colors"


class ColorPart(Part):
    """The section Color of the tab Inspect."""

    title = "Color"

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer)
        self.layer: Points | None = None
        self.search = NameSearch(LABELS)
        self.note = WrappedLabel()
        self.notice = Notice()
        self.scale = NumberScale()
        self.rims = QCheckBox("Rims")
        self.rims.setToolTip(
            "Dark or white, whichever makes the points stand out from what lies beneath"
        )
        self.shapes = QCheckBox("Shapes")
        self.shapes.setToolTip("Tell categories apart by shape as well as by color")
        self.fade = QCheckBox("Fade uncertain")
        self.fade.setToolTip("The less certain its position, the more transparent a point is")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.size_box = QDoubleSpinBox()
        self._unit_size = 1.0
        self._waiting: dict[str, Any] = {}
        self._runs: list[Run] = []
        self._names_of: object = None
        self._turns = Turns(canvas_of(viewer), self)
        self._repaint = QTimer(self)
        self._repaint.setSingleShot(True)
        self._repaint.setInterval(REPAINT_MS)
        self._lay_out()
        self._connect()
        self.space.kept[_KEPT] = self
        when_destroyed(self, _release, self)

    def show_layer(self, layer: Points | None) -> None:
        """Be about this layer."""
        if layer is not self.layer:
            self._settle()
            if self.layer is not None:
                self.layer.events.face_color.disconnect(self.refresh)
                self.layer.events.features.disconnect(self._list_names)
            self.layer = layer
            self.notice.clear()
            if layer is not None:
                layer.events.face_color.connect(self.refresh)
                layer.events.features.connect(self._list_names)
                self._unit_size = diameter(layer) or 1.0
        self._list_names()
        self.refresh()

    def color(self, name: str, **chosen: Any) -> None:
        """Color the layer by a column or a gene; a large table is read in the background."""
        layer = self.layer
        if layer is None:
            return
        self.notice.clear()
        coloring = Coloring(name, **chosen)
        if len(layer.data) < IN_BACKGROUND:
            try:
                self._paint(layer, coloring, layer_values(layer, name, log=coloring.log))
            except Exception as error:
                self._refuse(error)
            return
        for earlier in self._runs:
            earlier.cancel()
        run = Run(
            lambda *_: layer_values(layer, name, log=coloring.log),
            f"Reading {name}",
            parent=self,
            light=True,
        )
        run.returned.connect(partial(self._paint_if_new, run, layer, coloring))
        run.failed.connect(self._refuse)
        run.finished.connect(partial(self._forget, run))
        self._runs.append(run)
        self.note.setText(f"Reading {name} …")
        self.note.show()
        run.start()

    def refresh(self, event: object = None) -> None:
        """Show how the layer is colored now."""
        layer = self.layer
        if layer is None:
            return
        held, key = coloring_of(layer), color_key(layer)
        self.search.show_name(held[0].name if held else (key.title if key else ""))
        self.note.setText(held[1].note if held else ("" if key else _PLAIN))
        self.note.setVisible(bool(self.note.text()))
        numbers = held is not None and key is not None and key.limits is not None
        self.scale.setVisible(numbers)
        if held is not None and key is not None and key.limits is not None:
            self.scale.show_scale(held[0], held[1], key.limits, key.colormap or "viridis")
        self.fade.setVisible(fading_tells(layer.features))
        self.shapes.setVisible(can_shape(layer))
        switches = (
            (self.rims, has_rims(layer)),
            (self.shapes, has_shapes(layer)),
            (self.fade, is_faded(layer)),
        )
        for box, on in switches:
            with QSignalBlocker(box):
                box.setChecked(on)
        self._show_size(layer)

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.scale.set_tones(tones)
        self.search.set_tones(tones)
        self.notice.set_tones(tones)
        self.note.setStyleSheet(f"color: {tones.quiet};")
        if self.layer is not None and has_rims(self.layer):
            set_rims(self.layer, ground_color(self.viewer, self.layer))

    def state(self) -> dict[str, Any]:
        """Return the names searched last."""
        return {"recent": list(self.search.recent)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Offer the names searched last again."""
        self.search.recent = list(state.get("recent", ()))

    # Changes

    def _connect(self) -> None:
        self.search.chosen.connect(self.color)
        self.scale.changed.connect(self._change)
        self._repaint.timeout.connect(self._apply)
        self.rims.toggled.connect(self._set_rims)
        self.fade.toggled.connect(self._set_faded)
        self.shapes.toggled.connect(self._set_shapes)
        self.slider.valueChanged.connect(self._slide)
        self.size_box.valueChanged.connect(self._set_size)

    def _change(self, fields: dict[str, Any]) -> None:
        """Collect changes, so that dragging repaints at a steady pace."""
        self._waiting |= fields
        if not self._repaint.isActive():
            self._repaint.start()

    def _apply(self) -> None:
        fields, self._waiting = self._waiting, {}
        held = coloring_of(self.layer) if self.layer is not None else None
        if self.layer is None or held is None:
            return
        coloring = replace(held[0], **fields)
        if "log" in fields:
            self.color(coloring.name, **_chosen(coloring))
        else:
            self._paint(self.layer, coloring, held[1])

    def _settle(self) -> None:
        """Repaint now what was changed last: it is not of the layer that is shown next."""
        if self._repaint.isActive():
            self._repaint.stop()
            if self.layer in self.viewer.layers:
                self._apply()
            self._waiting = {}

    def _paint(self, layer: Points, coloring: Coloring, found: Found) -> None:
        if len(found.values) == len(layer.data):
            paint(layer, coloring, found)
            if not layer.visible:  # napari slices and uploads the layer anew when this is set
                layer.visible = True

    def _paint_if_new(self, run: Run, layer: Points, coloring: Coloring, found: Found) -> None:
        if not run.cancelled and layer in self.viewer.layers:
            self._paint(layer, coloring, found)

    def _forget(self, run: Run) -> None:
        self._runs.remove(run)
        run.deleteLater()

    def _refuse(self, error: Exception) -> None:
        self.refresh()
        self.notice.show_error(error)

    def _set_rims(self, on: bool) -> None:
        if self.layer is None:
            return
        steps = setting_rims(self.layer, ground_color(self.viewer, self.layer) if on else None)
        if len(self.layer.data) > IN_BACKGROUND:
            self._turns.start(steps)
        else:
            at_once(steps)

    def _set_faded(self, on: bool) -> None:
        if self.layer is not None:
            fade(self.layer, on)

    def _set_shapes(self, on: bool) -> None:
        if self.layer is not None:
            set_shapes(self.layer, on)

    def _slide(self, step: int) -> None:
        self.size_box.setValue(self._unit_size * _SPAN ** (step / _STEPS))

    def _set_size(self, size: float) -> None:
        if self.layer is not None:
            set_diameter(self.layer, size)
            self._show_size(self.layer)

    def _show_size(self, layer: Points) -> None:
        import numpy as np

        now = diameter(layer)
        with QSignalBlocker(self.slider), QSignalBlocker(self.size_box):
            step = np.log(max(now, 1e-9) / self._unit_size) / np.log(_SPAN) * _STEPS
            self.slider.setValue(round(float(step)))
            self.size_box.setSuffix(" µm" if um_per_layer_unit(layer) else " units")
            self.size_box.setValue(now)

    def _list_names(self, event: object = None) -> None:
        layer = self.layer
        if layer is not None:
            self.search.set_names(*layer_names(layer))

    def _lay_out(self) -> None:
        self.slider.setRange(-_STEPS, _STEPS)
        self.size_box.setRange(0.01, 1e6)
        self.size_box.setDecimals(1)
        tip = "Diameter of the points. Zoomed out, they are drawn at least a few pixels wide."
        for widget in (self.slider, self.size_box):
            widget.setToolTip(tip)
            widget.setAccessibleName("Diameter")
            ignore_wheel(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        for part in (self.search, self.note, self.notice, self.scale):
            layout.addWidget(part)
        line = QHBoxLayout()
        line.addWidget(QLabel("Size"))
        line.addWidget(self.slider, 1)
        line.addWidget(self.size_box)
        layout.addLayout(line)
        switches = QHBoxLayout()
        for box in (self.rims, self.shapes, self.fade):
            switches.addWidget(box)
        switches.addStretch()
        layout.addLayout(switches)


_PLAIN = "One color for all points. Search a gene or a column to color them."


def _chosen(coloring: Coloring) -> dict[str, Any]:
    """Return the fields of a coloring but its name."""
    return {key: value for key, value in vars(coloring).items() if key != "name"}


def _release(part: ColorPart) -> None:
    """Disconnect a part that Qt has deleted."""
    if part.layer is not None:
        part.layer.events.face_color.disconnect(part.refresh)
        part.layer.events.features.disconnect(part._list_names)
        part.layer = None
    part.space.kept.pop(_KEPT, None)
