"""Profiles before and after an encoder, as two scatter plots colored by a column."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPixmap, QResizeEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_spatialrecon.evaluation.palette import category_colors, elide
from napari_spatialrecon.viewer.window.tones import DARK, Tones

_TITLE, _GAP, _LINE, _DOT = 18, 10, 16, 3.0
_LONGEST_LEGEND, _LONGEST_NAME = 8, 34


class EmbeddingPlot(QWidget):
    """Two panels, before and after, with a legend below. Hidden while there are no points.

    Points of all colors are drawn in a random order, so that none covers another.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tones: Tones = DARK
        self.names: list[str] = []
        self.colors: dict[str, str] = {}
        self._places: tuple[np.ndarray, np.ndarray] | None = None
        self._codes = np.empty(0, int)
        self._drawn: QPixmap | None = None
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setToolTip("Each point is a spot or a cell; nearby points have similar expression")
        self.hide()

    def sizeHint(self) -> QSize:
        """Two square panels, and one line per name."""
        return QSize(320, _TITLE + 150 + 6 + _LINE * len(self._legend()))

    def show_points(
        self, before: np.ndarray, after: np.ndarray, codes: np.ndarray, names: list[str]
    ) -> None:
        """Show points (n, 2) before and after, of kinds `codes` (n,) into `names`."""
        order = np.random.default_rng(0).permutation(len(codes))
        self._places = (_unit(before)[order], _unit(after)[order])
        self._codes, self.names = np.asarray(codes)[order], names
        self.colors = category_colors(names)
        self._drawn = None
        self.setFixedHeight(self.sizeHint().height())
        self.show()
        self.update()

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.tones, self._drawn = tones, None
        self.update()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Discard the drawing, since the panels changed size."""
        super().resizeEvent(event)
        self._drawn = None

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the panels once, and reuse the drawing afterwards."""
        if self._drawn is None:
            ratio = self.devicePixelRatioF()
            self._drawn = QPixmap(self.size() * ratio)
            self._drawn.setDevicePixelRatio(ratio)
            self._drawn.fill(Qt.GlobalColor.transparent)
            self._draw(self._drawn)
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._drawn)
        painter.end()

    def _draw(self, pixmap: QPixmap) -> None:
        if self._places is None:
            return
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = self.font()
        font.setPixelSize(11)
        painter.setFont(font)
        width = (self.width() - _GAP) / 2
        for number, (title, places) in enumerate(zip(("before", "after"), self._places)):
            left = number * (width + _GAP)
            painter.setPen(QColor(self.tones.quiet))
            painter.drawText(QPointF(left + 2, _TITLE - 5), f"{title} the encoder")
            box = QRectF(left, _TITLE, width, 150)
            painter.setPen(QPen(QColor(self.tones.line), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(box.adjusted(0.5, 0.5, -0.5, -0.5))
            self._points(painter, box.adjusted(6, 6, -6, -6), places)
        y = _TITLE + 150 + 6
        for name in self._legend():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(self.colors.get(name, self.tones.quiet)))
            if name in self.colors:
                painter.drawEllipse(QPointF(7, y + _LINE / 2), 4, 4)
            painter.setPen(QColor(self.tones.quiet))
            painter.drawText(QPointF(17, y + _LINE - 4), elide(name, _LONGEST_NAME))
            y += _LINE
        painter.end()

    def _points(self, painter: QPainter, box: QRectF, places: np.ndarray) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        brushes = [QColor(self.colors[name]) for name in self.names]
        for brush in brushes:
            brush.setAlphaF(0.75)
        xs = box.left() + places[:, 0] * box.width()
        ys = box.top() + (1 - places[:, 1]) * box.height()
        for x, y, code in zip(xs, ys, self._codes):
            painter.setBrush(brushes[code])
            painter.drawEllipse(QPointF(x, y), _DOT / 2, _DOT / 2)

    def _legend(self) -> list[str]:
        if len(self.names) <= _LONGEST_LEGEND:
            return self.names
        rest = len(self.names) - _LONGEST_LEGEND + 1
        return [*self.names[: _LONGEST_LEGEND - 1], f"and {rest} more"]


def _unit(places: np.ndarray) -> np.ndarray:
    """Return positions, (n, 2), in the unit square, with far outliers at its edge."""
    low, high = np.quantile(places, (0.005, 0.995), axis=0)
    return np.clip((places - low) / np.maximum(high - low, 1e-12), 0.0, 1.0)
