"""A plot of many colored points, in which a drag selects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import Qt, Signal

from napari_spatialrecon.viewer.inspect.embedding_model import distinct_colors
from napari_spatialrecon.viewer.window.tones import DARK, Tones

_HEIGHT = 260
_SIZES = ((2_000, 6), (10_000, 4), (50_001, 3))
_BEHIND = 0.25


class _Box(pg.ViewBox):
    """Left drags select; the wheel zooms, and middle drags move."""

    dragged = Signal(object, bool, bool)
    clicked = Signal()

    def __init__(self) -> None:
        super().__init__(enableMenu=False, lockAspect=False)
        self.freehand = True
        self._path: list[tuple[float, float]] = []

    def mouseDragEvent(self, ev: Any, axis: int | None = None) -> None:
        """Follow a drag and emit its outline, whether it adds, and whether it has ended."""
        if ev.button() != Qt.MouseButton.LeftButton:
            super().mouseDragEvent(ev, axis)
            return
        ev.accept()
        if ev.isStart():
            at = self.mapToView(ev.buttonDownPos())
            self._path = [(at.x(), at.y())]
        at = self.mapToView(ev.pos())
        self._path.append((at.x(), at.y()))
        adds = bool(ev.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        self.dragged.emit(self._outline(), adds, ev.isFinish())

    def mouseClickEvent(self, ev: Any) -> None:
        """A click on the plot clears the selection."""
        if ev.button() == Qt.MouseButton.LeftButton:
            ev.accept()
            self.clicked.emit()

    def _outline(self) -> np.ndarray:
        if self.freehand:
            return np.asarray(self._path)
        (x, y), (u, v) = self._path[0], self._path[-1]
        return np.array([(x, y), (u, y), (u, v), (x, v)])


class _Spots(pg.ScatterPlotItem):
    """Spots of few colors: their pictures are looked up once for each color, not for each spot."""

    _brushes, _index = np.empty(0, object), np.empty(0, int)

    def show_spots(
        self, xy: np.ndarray, brushes: np.ndarray, index: np.ndarray, size: float
    ) -> None:
        """Show spots at (n, 2), each with the brush of its index (n,)."""
        self._brushes, self._index = brushes, index
        brush = list(brushes[index]) if len(index) else None
        self.setData(x=xy[:, 0], y=xy[:, 1], brush=brush, size=size)

    def updateSpots(self, dataSet: np.ndarray | None = None) -> None:
        """Find the picture of each spot."""
        if dataSet is not None and len(dataSet) == len(self._index) > 0:
            symbol, size, pen = (self.opts[name] for name in ("symbol", "size", "pen"))
            pictures = self.fragmentAtlas[[(symbol, size, pen, brush) for brush in self._brushes]]
            known = np.array(pictures, dataSet.dtype["sourceRect"])
            dataSet["sourceRect"] = known[self._index]
        super().updateSpots(dataSet)


class EmbeddingPlot(pg.PlotWidget):
    """Draws points in their colors; those that are selected stand out.

    Signals: ``outlined(outline (m, 2), adds)`` after a drag, ``cleared()`` after a click.
    """

    outlined = Signal(object, bool)
    cleared = Signal()

    def __init__(self) -> None:
        self.box = _Box()
        super().__init__(background=None, viewBox=self.box)
        self.tones: Tones = DARK
        self.setFixedHeight(_HEIGHT)
        self.setMinimumWidth(100)
        self.hideButtons()
        self.setFrameShape(pg.PlotWidget.Shape.NoFrame)
        self.setCacheMode(pg.PlotWidget.CacheModeFlag.CacheNone)  # it would outlive the theme
        for side in ("left", "bottom"):
            self.getAxis(side).setStyle(showValues=False, tickLength=0)
        self.points, self.marked = _Spots(pen=None), _Spots(pen=None)
        self.outline = pg.PlotCurveItem()
        for item in (self.points, self.marked, self.outline):
            self.addItem(item)
        self.box.dragged.connect(self._drag)
        self.box.clicked.connect(self.cleared)
        self.set_tones(DARK)

    def show_points(self, xy: np.ndarray, rgba: np.ndarray, selected: np.ndarray) -> None:
        """Draw points (n, 2) in colors (n, 4), and which of them (n,) bool are selected."""
        size = next((size for most, size in _SIZES if len(xy) < most), 2)
        colors, index = distinct_colors(np.column_stack([rgba[:, :3], np.ones(len(rgba))]))
        brushes = np.array([pg.mkBrush(*map(int, color)) for color in colors], object)
        self.points.setOpacity(_BEHIND if selected.any() else 1.0)
        for item, rows, grown in ((self.points, ~selected, 0), (self.marked, selected, 1)):
            item.show_spots(xy[rows], brushes, index[rows], size + grown)

    def set_names(self, across: str, up: str) -> None:
        """Name the axes."""
        for side, name in (("bottom", across), ("left", up)):
            self.setLabel(side, name, color=self.tones.quiet)

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.tones = tones
        for side in ("left", "bottom"):
            self.getAxis(side).setPen(tones.line)
            self.getAxis(side).setTextPen(tones.quiet)
        self.outline.setPen(pg.mkPen(tones.accent, width=1.5))

    def _drag(self, outline: np.ndarray, adds: bool, ended: bool) -> None:
        if not ended:
            closed = np.vstack([outline, outline[:1]])
            self.outline.setData(closed[:, 0], closed[:, 1])
            return
        self.outline.setData([], [])
        if len(outline) >= 3:
            self.outlined.emit(outline, adds)
