"""The points of the selected layer in an embedding of their expression, linked to the canvas."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QSignalBlocker, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QPushButton, QVBoxLayout

from napari_spatialrecon.tasks.embedding import KINDS
from napari_spatialrecon.viewer.canvas.hidden import hidden_events
from napari_spatialrecon.viewer.canvas.table_metadata import table_of
from napari_spatialrecon.viewer.inspect.embedding_model import (
    computed,
    held,
    held_names,
    inside,
    latent,
    said,
    sampled,
)
from napari_spatialrecon.viewer.inspect.embedding_plot import EmbeddingPlot
from napari_spatialrecon.viewer.inspect.part import Part
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.notice import Notice
from napari_spatialrecon.viewer.widgets.rows import combo, row
from napari_spatialrecon.viewer.window.ended import when_destroyed
from napari_spatialrecon.viewer.window.tones import Tones
from napari_spatialrecon.viewer.window.worker import Run
from napari_spatialrecon.viewer.workspace.workspace import Entry, Role

if TYPE_CHECKING:
    from napari.layers import Points
    from napari.viewer import Viewer

    from napari_spatialrecon.methods.encoders.base import EncoderMethod
    from napari_spatialrecon.progress import Progress

REDRAW_MS = 60
"""Milliseconds between two drawings, while colors change."""
_KEPT = "inspect embedding"
_SHAPES = ("Freehand", "Rectangle")


class EmbeddingPart(Part):
    """The section Embedding of the tab Inspect."""

    title = "Embedding"

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer)
        self.layer: Points | None = None
        self.source, self.shape = combo(), combo()
        self.button = QPushButton()
        self.note = WrappedLabel()
        self.notice = Notice()
        self.plot = EmbeddingPlot()
        self.run: Run | None = None
        self._xy, self._known = np.empty((0, 2)), np.empty(0, bool)
        self._computed: weakref.WeakKeyDictionary[Points, dict[str, np.ndarray]]
        self._computed = weakref.WeakKeyDictionary()
        self._wanted = ""
        self._encoders: dict[str, EncoderMethod] = {}
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.setInterval(REDRAW_MS)
        self._lay_out()
        self._connect()

    def show_layer(self, layer: Points | None) -> None:
        """Be about this layer."""
        if layer is not self.layer:
            if self.layer is not None:
                self.layer.events.face_color.disconnect(self._soon)
            self.layer = layer
            self.notice.clear()
            if layer is not None:
                layer.events.face_color.connect(self._soon)
        self._list_sources()

    def compute(self) -> None:
        """Compute the embedding that is chosen, in the background; or stop computing."""
        if self.run is not None:
            self.run.cancel()
            return
        layer, kind = self.layer, self.source.currentData()
        if layer is None or kind not in self._computable:
            return
        self.notice.clear()
        encoder = self._encoders.get(kind)
        work = partial(computed, layer, kind)
        if encoder is not None:
            work = partial(latent, layer, encoder)
        run = Run(work, kind, viewer=self.viewer, parent=self)
        self.run = run
        run.progressed.connect(self._tell)
        run.returned.connect(partial(self._keep, layer, kind))
        run.failed.connect(self.notice.show_error)
        run.finished.connect(self._end)
        self.note.setText(f"{kind}: starting …")
        run.start()
        self._show_button()

    def draw(self) -> None:
        """Draw the points as they are colored and selected now."""
        layer = self.layer
        if layer is None or len(self._xy) != len(layer.data) or not self.isVisible():
            return
        shown = np.asarray(layer.shown, bool)
        rows = sampled(self._known & shown)
        chosen = np.zeros(len(self._xy), bool)
        chosen[self.space.selection.rows_in(layer)] = True
        self.plot.show_points(self._xy[rows], np.asarray(layer.face_color)[rows], chosen[rows])
        counts = [int(m.sum()) for m in (self._known & shown, ~self._known, chosen)]
        if self.run is None:
            self.note.setText(said(len(rows), *counts))

    def select(self, outline: np.ndarray, adds: bool = False) -> None:
        """Select the points within an outline (m, 2) of the plot; hidden points are never."""
        layer = self.layer
        if layer is None or len(self._xy) != len(layer.data):
            return
        rows = inside(self._xy, outline)
        rows = rows[np.asarray(layer.shown, bool)[rows]]
        if adds:
            rows = np.union1d(rows, self.space.selection.rows_in(layer))
        self.space.selection.set_rows(layer, rows)

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.plot.set_tones(tones)
        self.notice.set_tones(tones)
        self.note.setStyleSheet(f"color: {tones.quiet};")
        self._name_axes()

    def state(self) -> dict[str, Any]:
        """Return which embedding is chosen; one that was computed here is not kept itself."""
        return {"source": self._wanted, "shape": self.shape.currentText()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Choose the embedding that was."""
        self._wanted = str(state.get("source", ""))
        self.shape.setCurrentText(str(state.get("shape", _SHAPES[0])))
        self._list_sources()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Draw what changed while the section was folded."""
        super().showEvent(event)
        self._soon()

    # Sources

    def _list_sources(self) -> None:
        layer = self.layer
        names = held_names(layer) if layer is not None else []
        self._encoders = {
            f"Latent of {entry.name}": entry.model
            for entry in self.space.of_role(Role.MODEL)
            if entry.model is not None
        }
        kinds = self._computable if layer is not None and table_of(layer) is not None else ()
        with QSignalBlocker(self.source):
            self.source.clear()
            for name in names:
                self.source.addItem(name, name)
            for kind in kinds:
                self.source.addItem(kind, kind)
            self.source.setCurrentIndex(max(0, self.source.findData(self._wanted)))
        self.source.setEnabled(self.source.count() > 0)
        self._show_source()

    @property
    def _computable(self) -> tuple[str, ...]:
        """What can be computed of a layer with counts."""
        return (*KINDS, *self._encoders)

    def _on_models(self, entry: Entry) -> None:
        """Offer the encoders that are open."""
        if entry.role is Role.MODEL:
            self._list_sources()

    def _choose(self, index: int) -> None:
        self._wanted = str(self.source.itemData(index))
        self.notice.clear()
        self._show_source()

    def _show_source(self) -> None:
        layer, name = self.layer, self.source.currentData()
        self._xy = np.empty((0, 2))
        if layer is not None and name in self._computable:
            self._xy = self._computed.get(layer, {}).get(name, self._xy)
        elif layer is not None and name is not None:
            self._xy = held(layer, name)
        # A reduction along so short an axis takes ten times as long, over a million points 14 ms.
        self._known = np.isfinite(self._xy[:, 0]) & np.isfinite(self._xy[:, 1])
        drawn = layer is not None and len(self._xy) == len(layer.data) > 0
        self.plot.setVisible(drawn)
        self.shape.setVisible(drawn)
        self._name_axes()
        self._show_button()
        if self.run is None:
            self.note.setText("" if name is not None else _NO_TABLE)
            if name in self._computable and not drawn:
                self.note.setText(_WHAT.get(name, _LATENT))
        self._soon()

    def _name_axes(self) -> None:
        name = self.source.currentData() or ""
        short = name.removeprefix("X_")
        self.plot.set_names(f"{short} 1", f"{short} 2")

    def _show_button(self) -> None:
        name, layer = self.source.currentData(), self.layer
        asked = layer is not None and name in self._computable
        missing = asked and layer is not None and name not in self._computed.get(layer, {})
        self.button.setVisible(missing or self.run is not None)
        what = "latent" if name in self._encoders else name
        self.button.setText("Cancel" if self.run is not None else f"Compute {what}")

    # Work

    def _tell(self, progress: Progress) -> None:
        self.note.setText(f"{progress.stage} …")

    def _keep(self, layer: Points, kind: str, xy: np.ndarray) -> None:
        self._computed.setdefault(layer, {})[kind] = xy

    def _end(self) -> None:
        run, self.run = self.run, None
        if run is not None:
            run.deleteLater()
        self._show_source()

    def _soon(self, event: object = None) -> None:
        if not self._redraw.isActive():
            self._redraw.start()

    def _hidden(self, layer: Points) -> None:
        if layer is self.layer:
            self._soon()

    def _connect(self) -> None:
        self.source.activated.connect(self._choose)
        self.shape.currentTextChanged.connect(self._shape)
        self.button.clicked.connect(self.compute)
        self.plot.outlined.connect(self.select)
        self.plot.cleared.connect(self.space.selection.clear)
        self._redraw.timeout.connect(self.draw)
        self.space.selection.changed.connect(self._soon)
        hidden_events.changed.connect(self._hidden)
        self.space.events.added.connect(self._on_models)
        self.space.events.removed.connect(self._on_models)
        self.space.kept[_KEPT] = self
        when_destroyed(self, _release, self)

    def _shape(self, text: str) -> None:
        self.plot.box.freehand = text == _SHAPES[0]

    def _lay_out(self) -> None:
        self.source.setAccessibleName("Embedding")
        self.source.setToolTip("Where points with similar expression lie close together")
        self.shape.addItems(_SHAPES)
        self.shape.setAccessibleName("Shape of a selection")
        self.shape.setToolTip("How a drag in the plot selects points. The wheel zooms.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(row(self.source, self.shape, self.button))
        for part in (self.notice, self.plot, self.note):
            layout.addWidget(part)


_LATENT = (
    "UMAP of what this encoder reads of the counts: spots and cells of one kind lie close "
    "together, wherever they were measured."
)
_NO_TABLE = "The layer has no table with counts: there is nothing to embed."
_WHAT = {
    "UMAP": "UMAP of 30 principal components of log counts: similar cells lie close together. "
    "With thousands of cells it takes a minute or so.",
    "PCA": "The first two principal components of log counts of the 2,000 most variable genes.",
}


def _release(part: EmbeddingPart) -> None:
    """Disconnect a part that Qt has deleted."""
    if part.layer is not None:
        part.layer.events.face_color.disconnect(part._soon)
    part.space.selection.changed.disconnect(part._soon)
    hidden_events.changed.disconnect(part._hidden)
    part.space.events.added.disconnect(part._on_models)
    part.space.events.removed.disconnect(part._on_models)
    part.space.kept.pop(_KEPT, None)
