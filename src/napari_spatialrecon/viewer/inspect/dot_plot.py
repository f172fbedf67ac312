"""A dot plot: how widely and how strongly groups of cells express genes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFontMetrics, QLinearGradient, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_spatialrecon.viewer.canvas.palette import color_map
from napari_spatialrecon.viewer.window.present import present
from napari_spatialrecon.viewer.window.tones import DARK, Tones

if TYPE_CHECKING:
    import pandas as pd
    from qtpy.QtGui import QHelpEvent, QMouseEvent

_ROW, _DOT, _LEAST_DOT = 20, 15.0, 2.0
_NAMES, _REMOVE, _LEGEND, _SLANT = 92, 18, 40, 50
_HEAD = 62
"""Height of the names of groups, which are written at a slant, in pixels."""
_SIZES = (0.2, 0.5, 1.0)
_MAP = "viridis"


class DotPlot(QWidget):
    """Shows genes as rows and groups as columns; size and color of a dot are share and mean.

    Signals: ``picked(gene)`` for a click on a row, ``removed(gene)`` for a click on its cross.
    """

    picked = Signal(str)
    removed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.tones: Tones = DARK
        self.genes: list[str] = []
        self.groups: list[str] = []
        self._expressed = self._mean = np.empty((0, 0))
        self._hovered: int | None = None
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Dot plot of genes by group")

    def show_values(self, found: pd.DataFrame) -> None:
        """Show what `tasks.groups.expression_by_group` returned."""
        self.genes = list(dict.fromkeys(map(str, found.index.get_level_values(0))))
        self.groups = list(dict.fromkeys(map(str, found.index.get_level_values(1))))
        shape = len(self.genes), len(self.groups)
        self._expressed = found["expressed"].to_numpy(float).reshape(shape)
        self._mean = found["mean"].to_numpy(float).reshape(shape)
        self.updateGeometry()
        self.update()

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.tones = tones
        self.update()

    def sizeHint(self) -> QSize:
        """A line for each gene."""
        return QSize(260, _HEAD + _ROW * len(self.genes) + _LEGEND)

    def color(self, mean: float) -> QColor:
        """Return the color of a mean."""
        top = float(np.nanmax(self._mean, initial=0.0)) or 1.0
        return QColor.fromRgbF(*map(float, color_map(_MAP).map([mean / top])[0]))

    def place(self, row: int, column: int) -> QPointF:
        """Return the middle of a dot, in pixels."""
        step = (self.width() - _NAMES - _REMOVE) / max(1, len(self.groups))
        step = min(step, 2.5 * _ROW)
        return QPointF(_NAMES + (column + 0.5) * step, _HEAD + (row + 0.5) * _ROW)

    def _room(self, column: int) -> int:
        """Return how long the name of a group may be, in pixels."""
        slant = np.deg2rad(_SLANT)
        across = (self.width() - self.place(0, column).x() - 6) / np.cos(slant)
        return round(min(across, (_HEAD - 12) / np.sin(slant)))

    def words(self, row: int, column: int) -> str:
        """Return what a dot says."""
        share, mean = self._expressed[row, column], self._mean[row, column]
        if np.isnan(share):
            return f"{self.genes[row]}: {self.groups[column]} has no cells with counts"
        return (
            f"{self.genes[row]} in {self.groups[column]}: {share:.0%} with counts, "
            f"mean of log counts {mean:.2f}"
        )

    # Events

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw names, dots and what they mean."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text, quiet = self.palette().windowText().color(), QColor(self.tones.quiet)
        small = QFontMetrics(self.font())
        for column, name in enumerate(self.groups):
            painter.save()
            painter.translate(self.place(0, column).x() + 3, _HEAD - 5)
            painter.rotate(-_SLANT)
            painter.setPen(quiet)
            end = Qt.TextElideMode.ElideRight
            painter.drawText(0, 0, small.elidedText(name, end, self._room(column)))
            painter.restore()
        for row, gene in enumerate(self.genes):
            band = QRectF(0, _HEAD + row * _ROW, self.width(), _ROW)
            if row == self._hovered:
                painter.fillRect(band, QColor(128, 128, 128, 40))
                painter.setPen(quiet)
                cross = band.adjusted(band.width() - _REMOVE, 0, 0, 0)
                painter.drawText(cross, Qt.AlignmentFlag.AlignCenter, "×")
            painter.setPen(text)
            at = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
            middle = Qt.TextElideMode.ElideMiddle
            name = small.elidedText(gene, middle, _NAMES - 12)
            painter.drawText(QRectF(0, band.top(), _NAMES - 8, _ROW), at, name)
            for column in range(len(self.groups)):
                share, mean = self._expressed[row, column], self._mean[row, column]
                if share > 0:
                    _dot(painter, self.place(row, column), share, self.color(mean), quiet)
        self._draw_legend(painter, quiet)
        painter.end()

    def _draw_legend(self, painter: QPainter, quiet: QColor) -> None:
        """Say what the sizes and colors mean."""
        y = _HEAD + _ROW * len(self.genes) + _LEGEND / 2
        x, small = 8.0, QFontMetrics(self.font())
        for share in _SIZES:
            _dot(painter, QPointF(x + _DOT / 2, y), share, quiet, quiet)
            painter.setPen(quiet)
            label = f"{share:.0%}"
            painter.drawText(QPointF(x + _DOT + 3, y + small.ascent() / 2 - 1), label)
            x += _DOT + 9 + small.horizontalAdvance(label)
        top = float(np.nanmax(self._mean, initial=0.0))
        label = f"{top:.1f} mean log counts"
        x += 8
        width = max(20.0, min(80.0, self.width() - x - small.horizontalAdvance(f"0 {label}") - 12))
        painter.drawText(QPointF(x, y + small.ascent() / 2 - 1), "0")
        x += small.horizontalAdvance("0 ")
        bar = QLinearGradient(x, 0, x + width, 0)
        for step in np.linspace(0, 1, 9):
            bar.setColorAt(float(step), self.color(float(step) * (top or 1.0)))
        painter.fillRect(QRectF(x, y - 5, width, 10), bar)
        painter.drawText(QPointF(x + width + 4, y + small.ascent() / 2 - 1), label)

    def event(self, event: QEvent | None) -> bool:
        """Say what the dot under the mouse means."""
        event = present(event)
        if event.type() == QEvent.Type.ToolTip:
            asked: QHelpEvent = event  # type: ignore[assignment]
            QToolTip.showText(asked.globalPos(), self._tip(asked.pos()), self)
            return True
        return super().event(event)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Mark the row under the mouse."""
        self._hover(self._row_at(present(event).pos()))

    def leaveEvent(self, event: QEvent | None) -> None:
        """Mark no row."""
        self._hover(None)
        super().leaveEvent(event)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Pick the gene of the row, or leave it out."""
        at = present(event).pos()
        row = self._row_at(at)
        if row is not None:
            signal = self.removed if at.x() > self.width() - _REMOVE else self.picked
            signal.emit(self.genes[row])

    def _hover(self, row: int | None) -> None:
        if row != self._hovered:
            self._hovered = row
            self.update()

    def _row_at(self, at: QPoint) -> int | None:
        row = (at.y() - _HEAD) // _ROW
        return row if 0 <= row < len(self.genes) else None

    def _tip(self, at: QPoint) -> str:
        row = self._row_at(at)
        if row is None:
            return "Size: share of cells with counts of the gene. Color: mean of log counts."
        if at.x() > self.width() - _REMOVE:
            return f"Remove {self.genes[row]} from the plot"
        for column in range(len(self.groups)):
            if abs(self.place(row, column).x() - at.x()) <= _ROW / 2:
                return self.words(row, column)
        return f"{self.genes[row]}: click to color the layer by it"


def _dot(painter: QPainter, at: QPointF, share: float, color: QColor, rim: QColor) -> None:
    """Draw a dot whose area is in proportion to a share."""
    radius = max(_LEAST_DOT, _DOT * float(np.sqrt(share))) / 2
    painter.setPen(rim)
    painter.setBrush(color)
    painter.drawEllipse(at, radius, radius)
