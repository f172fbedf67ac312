"""A histogram on which the limits of a color map are dragged."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_spatialrecon.viewer.canvas.limits import histogram
from napari_spatialrecon.viewer.canvas.palette import color_map
from napari_spatialrecon.viewer.window.tones import DARK, Tones

_HEIGHT = 84


class LimitsHistogram(QWidget):
    """Shows how values are distributed, in the colors that they have.

    Signals: ``dragged(low, high)``, while an end is dragged.
    """

    dragged = Signal(float, float)

    def __init__(self) -> None:
        super().__init__()
        self.tones: Tones = DARK
        self.plot = pg.PlotWidget(background=None)
        self.plot.setFixedHeight(_HEIGHT)
        self.plot.setMenuEnabled(False)
        self.plot.setMouseEnabled(False, False)
        self.plot.hideButtons()
        self.plot.hideAxis("left")
        self.plot.setFrameShape(pg.PlotWidget.Shape.NoFrame)
        self.plot.setCacheMode(pg.PlotWidget.CacheModeFlag.CacheNone)  # it would outlive the theme
        self.region = pg.LinearRegionItem(brush=(0, 0, 0, 0), hoverBrush=(128, 128, 128, 40))
        self._bars: pg.BarGraphItem | None = None
        self._counts, self._edges = np.zeros(0), np.zeros(0)
        self._colormap = "viridis"
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.plot)
        self.region.sigRegionChanged.connect(self._drag)
        self.setToolTip(
            "Distribution of the values. Drag the two lines: values beyond a line get the color of "
            "that end. Bar heights are square roots of the counts, so that rare values show."
        )

    @property
    def limits(self) -> tuple[float, float]:
        """The values at the two lines."""
        low, high = self.region.getRegion()
        return float(low), float(high)

    def show_values(self, values: np.ndarray) -> float:
        """Show the distribution of values (n,); return the share of zeros that is not drawn."""
        self._counts, self._edges, zeros = histogram(values)
        self._draw()
        return zeros

    def show_limits(self, limits: tuple[float, float], colormap: str) -> None:
        """Move the lines without emitting, and use the colors of a map between them."""
        with QSignalBlocker(self.region):
            self.region.setRegion(limits)
        self._colormap = colormap
        low, high = self._edges[[0, -1]] if len(self._edges) else limits
        self.plot.setXRange(min(low, limits[0]), max(high, limits[1]), padding=0.03)
        self._draw()

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.tones = tones
        axis = self.plot.getAxis("bottom")
        axis.setPen(tones.line)
        axis.setTextPen(tones.quiet)
        for line in self.region.lines:
            line.setPen(pg.mkPen(tones.accent, width=2))
            line.setHoverPen(pg.mkPen(tones.accent, width=4))
        self._draw()

    def _draw(self) -> None:
        if self._bars is not None:
            self.plot.removeItem(self._bars)
        if not len(self._counts):
            return
        low, high = self.limits
        middles = (self._edges[1:] + self._edges[:-1]) / 2
        share = np.clip((middles - low) / max(high - low, 1e-12), 0, 1)
        colors = color_map(self._colormap).map(share)
        self._bars = pg.BarGraphItem(
            x=middles,
            height=np.sqrt(self._counts),
            width=np.diff(self._edges),
            brushes=[QColor.fromRgbF(*map(float, color)) for color in colors],
            pens=[pg.mkPen(self.tones.line, width=0.5)] * len(middles),
        )
        self.plot.addItem(self._bars)
        if self.region.scene() is None:
            self.plot.addItem(self.region)

    def _drag(self) -> None:
        self._draw()
        self.dragged.emit(*self.limits)
