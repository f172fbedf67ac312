"""The cell or spot that was clicked, in the tab Inspect."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from html import escape
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout

from napari_spatialrecon.viewer.canvas.clicks import on_click
from napari_spatialrecon.viewer.canvas.pointer import is_held
from napari_spatialrecon.viewer.inspect.clicked import Described, describe_point
from napari_spatialrecon.viewer.inspect.part import Part

if TYPE_CHECKING:
    from napari.layers import Points
    from napari.viewer import Viewer

_EMPTY = "Click a cell or a spot of this layer on the canvas."


class ClickedPart(Part):
    """The section Clicked of the tab Inspect."""

    title = "Clicked"

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer)
        self.layer: Points | None = None
        self._end: Callable[[], None] | None = None
        self.text = QLabel(_EMPTY)
        self.text.setTextFormat(Qt.TextFormat.RichText)
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.text.setToolTip("Genes with more counts here than on average in this layer")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.text)
        self.destroyed.connect(partial(_release, self))

    def show_layer(self, layer: Points | None) -> None:
        """Follow clicks on this layer."""
        if layer is self.layer:
            return
        if self._end is not None:
            self._end()
        self.layer, self._end = layer, None
        self.text.setText(_EMPTY)
        if layer is not None:
            self._end = on_click(layer, self.show_point)

    def show_point(self, row: int) -> None:
        """Say what is known of a point, unless a tool takes the click."""
        if self.layer is not None and not is_held(self.viewer):
            self.text.setText(as_text(describe_point(self.layer, row)))


def as_text(found: Described) -> str:
    """Return a description as rich text."""
    lines = [f"<b>{escape(found.name)}</b>" + (f" · {escape(found.kind)}" if found.kind else "")]
    if found.genes:
        lines.append(f"High: {escape(', '.join(found.genes))}")
    if found.certainty:
        lines.append(escape(found.certainty))
    lines += [f"{escape(name)}: {escape(value)}" for name, value in found.columns]
    return "<br>".join(lines)


def _release(part: ClickedPart) -> None:
    """Disconnect a part that Qt has deleted."""
    if part._end is not None:
        part._end()
