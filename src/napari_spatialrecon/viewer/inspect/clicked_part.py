"""The cell or spot that was clicked, in the tab Inspect: what it is, and where it may lie."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPushButton, QSizePolicy, QVBoxLayout

from napari_spatialrecon.viewer.canvas.bar_title import show_bar
from napari_spatialrecon.viewer.canvas.clicks import on_click
from napari_spatialrecon.viewer.canvas.pointer import is_held
from napari_spatialrecon.viewer.canvas.table_metadata import table_of
from napari_spatialrecon.viewer.inspect.clicked import Described, describe_point
from napari_spatialrecon.viewer.inspect.part import Part
from napari_spatialrecon.viewer.landmarks.portrait import Portraits
from napari_spatialrecon.viewer.place.whereabouts import OnSlides, whereabouts_of
from napari_spatialrecon.viewer.window.ended import when_destroyed
from napari_spatialrecon.viewer.workspace.selection import names_of

if TYPE_CHECKING:
    from anndata import AnnData
    from napari.layers import Points
    from napari.viewer import Viewer

_EMPTY = "Click a cell or a spot of this layer on the canvas."
_KEPT = "inspect clicked"


class ClickedPart(Part):
    """The section Clicked of the tab Inspect.

    Attributes
    ----------
    rows
        The point that was clicked last in each layer.
    """

    title = "Clicked"

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer)
        self.layer: Points | None = None
        self.where = whereabouts_of(viewer)
        self.rows: weakref.WeakKeyDictionary[Points, int] = weakref.WeakKeyDictionary()
        self._end: Callable[[], None] | None = None
        self._read: tuple[AnnData, Portraits, OnSlides] | None = None
        self.text = QLabel(_EMPTY)
        self.text.setTextFormat(Qt.TextFormat.RichText)
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.text.setToolTip("Genes with more counts here than on average in this layer")
        self.button = QPushButton("Where may it lie?")
        self.button.setCheckable(True)
        self.button.setToolTip(
            "Color the spots of the slide by the probability that this cell belongs to them.\n"
            "The ring is the 90% radius: it holds the true place of 9 of 10 such cells."
        )
        self.button.clicked.connect(self._show_where)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.text)
        layout.addWidget(self.button)
        self.where.changed.connect(self.refresh)
        self.space.kept[_KEPT] = self
        when_destroyed(self, _release, self)
        self.refresh()

    @property
    def row(self) -> int | None:
        """The point of this layer that was clicked last; None if there is none."""
        layer = self.layer
        row = None if layer is None else self.rows.get(layer)
        return None if layer is None or row is None or row >= len(layer.data) else row

    def show_layer(self, layer: Points | None) -> None:
        """Follow clicks on this layer."""
        if layer is self.layer:
            return
        self._unfollow()
        self.layer = layer
        if layer is not None:
            self._end = on_click(layer, self.show_point)
            for event in (layer.events.data, layer.events.size):
                event.connect(self.refresh)
        self.refresh()

    def show_point(self, row: int) -> None:
        """Say what is known of a point, unless a tool takes the click."""
        layer = self.layer
        if layer is None or is_held(self.viewer):
            return
        self.rows[layer] = row
        if self.where.shown is not None and self.where.shown[0] is layer:
            self._show_where(True)
        self.refresh()

    def refresh(self, event: object = None) -> None:
        """Show what is known of the point now, and mark it on the canvas."""
        layer, row = self.layer, self.row
        self.where.ring(layer, row)
        likely = ""
        if layer is None or row is None:
            self.text.setText(_EMPTY)
        else:
            read = self._known(layer)
            found = describe_point(layer, row, None if read is None else read[1])
            text = as_text(found)
            likely = "" if read is None else read[2].about_cell(row)
            self.text.setText(f"{text}<br>{escape(likely)}" if likely else text)
        self.button.setVisible(bool(likely))
        self.button.setChecked(self.where.shown == (layer, row))

    def state(self) -> dict[str, Any]:
        """Return which cell of each layer was clicked, and whose likely spots are shown."""
        cells = {
            layer.name: str(names_of(layer)[row])
            for layer, row in self.rows.items()
            if layer in self.viewer.layers and row < len(layer.data)
        }
        shown = self.where.shown
        where = shown[0].name if shown is not None and self.rows.get(shown[0]) == shown[1] else ""
        return {
            "cells": cells,
            "where": where,
            "opacity": self.where.opacity,
            "bar": self.where.bar,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Return to the cells that were clicked."""
        from napari.layers import Points

        cells = state.get("cells", {})
        for layer in self.viewer.layers:
            if isinstance(layer, Points) and layer.name in cells:
                rows = np.flatnonzero(names_of(layer) == cells[layer.name])
                if len(rows):
                    self.rows[layer] = int(rows[0])
        if self.layer is not None and self.layer.name == state.get("where"):
            self.layer.opacity = float(state.get("opacity", 1.0))
            show_bar(self.layer, state.get("bar"))
            self._show_where(True)
        self.refresh()

    def _show_where(self, on: bool) -> None:
        layer, row = self.layer, self.row
        read = None if layer is None else self._known(layer)
        if not on or layer is None or row is None or read is None:
            self.where.clear()
            return
        ground = OnSlides.of(self.viewer, layer, read[2].mapping)
        self.where.show_cell(ground, row)

    def _known(self, layer: Points) -> tuple[AnnData, Portraits, OnSlides] | None:
        """Return what was read of the table of a layer; None of one without a table."""
        adata = table_of(layer)
        if adata is None:
            return None
        if self._read is None or self._read[0] is not adata:
            self._read = adata, Portraits(adata), OnSlides.of(self.viewer, layer)
        return self._read

    def _unfollow(self) -> None:
        if self._end is not None:
            self._end()
            self._end = None
        if self.layer is not None:
            for event in (self.layer.events.data, self.layer.events.size):
                event.disconnect(self.refresh)


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
    part._unfollow()
    part.where.changed.disconnect(part.refresh)
    part.where.ring(None, None)
    part.space.kept.pop(_KEPT, None)
