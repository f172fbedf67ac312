"""The live curves of a run: the loss, and above it the metrics with a baseline for comparison."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QPainter,
    QPen,
    QPolygonF,
    QResizeEvent,
)
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_spatialrecon.viewer.task.curves import Curve, Curves
from napari_spatialrecon.viewer.window.tones import DARK, Tones

HELD_OUT_TIP = (
    "Error on held-out spots, which the method did not see: the median distance from their true "
    "places in µm; without a scale, 0 is perfect and 1 is useless. The dashed line is the error "
    "of the baseline on the same spots."
)
_PANEL, _LINE = 48, 15
_LEFT, _RIGHT, _BOTTOM = 44, 10, 16


class LossPlot(QWidget):
    """Draws `Curves`: metrics above, the loss (logarithmic) below; neither if it has no values."""

    def __init__(self, tip: str = HELD_OUT_TIP) -> None:
        super().__init__()
        self.curves = Curves()
        self.tones: Tones = DARK
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setToolTip(tip)
        self.refresh()

    def sizeHint(self) -> QSize:
        """Room for the curves that have values, and for their titles."""
        height = len(self._lines()) * _LINE + _PANEL if self.curves.has_measures else 0
        if self.curves.losses:
            height += _LINE + _PANEL
        return QSize(280, height + 4 + _BOTTOM)

    def set_curves(self, curves: Curves) -> None:
        """Draw these curves."""
        self.curves = curves
        self.refresh()

    def refresh(self) -> None:
        """Draw the curves as they are now."""
        if self.minimumHeight() != self.sizeHint().height():
            self.setMinimumHeight(self.sizeHint().height())
            self.updateGeometry()
        self.update()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Break the line of titles elsewhere."""
        super().resizeEvent(event)
        self.refresh()

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.tones = tones
        self.update()

    def paintEvent(self, event: object) -> None:
        """Draw the panels."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self._font())
        width, top = self.width() - _LEFT - _RIGHT, 2.0
        if self.curves.has_measures:
            top += _LINE * len(self._lines())
            self._measures(painter, QRectF(_LEFT, top, width, _PANEL))
            top += _PANEL
        if self.curves.losses:
            top += _LINE
            self._loss(painter, QRectF(_LEFT, top, width, _PANEL))
        painter.setPen(QColor(self.tones.quiet))
        foot = QRectF(_LEFT, self.height() - _BOTTOM, width, _BOTTOM)
        painter.drawText(foot, Qt.AlignmentFlag.AlignRight, f"{self.curves.total:,} steps")
        painter.end()

    def _font(self) -> QFont:
        font = QFont(self.font())
        font.setPixelSize(11)
        return font

    def _titles(self) -> list[tuple[str, str]]:
        """Return the titles of the metrics and of the baseline, each with its color."""
        curves = self.curves
        colors = (self.tones.accent, self.tones.good, self.tones.warning)
        titles = list(zip(curves.measures.values(), colors))
        if curves.baseline is not None:
            text = f"┄ {curves.baseline_title} {curves.shown(curves.baseline)} {curves.unit}"
            titles.append((text.rstrip(), self.tones.quiet))
        return titles

    def _lines(self) -> list[list[tuple[float, str, str]]]:
        """Return the titles with their left ends, line by line, so that none overlaps another."""
        metrics, space = QFontMetrics(self._font()), self.width() - _LEFT - _RIGHT
        lines: list[list[tuple[float, str, str]]] = [[]]
        left = 0.0
        for text, color in self._titles():
            width = metrics.horizontalAdvance(text)
            if lines[-1] and left + width > space:
                lines.append([])
                left = 0.0
            lines[-1].append((left, text, color))
            left += width + 10
        return lines

    def _measures(self, painter: QPainter, box: QRectF) -> None:
        curves, baseline = self.curves, self.curves.baseline
        measured = list(curves.measured.values())
        values = [y for curve in measured for _, y in curve] + (
            [] if baseline is None else [baseline]
        )
        least = 0.1 * max(values) if curves.unit else 0.1
        limits = curves.limits or _span(values, least)
        self._frame(painter, box, limits, curves.shown)
        if baseline is not None:
            y = _place(baseline, *limits, box)
            painter.setPen(QPen(QColor(self.tones.quiet), 1.4, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
        lines = self._lines()
        for number, line in enumerate(lines):
            y = box.top() - 4 - _LINE * (len(lines) - 1 - number)
            for left, text, color in line:
                painter.setPen(QColor(color))
                painter.drawText(QPointF(box.left() + left, y), text)
        for curve, (_, color) in zip(measured, self._titles()):
            self._line(painter, box, curve, limits, color, dots=True)

    def _loss(self, painter: QPainter, box: QRectF) -> None:
        stages = [
            [(x, math.log10(y)) for x, y in curve if y > 0] for curve in self.curves.losses.values()
        ]
        low, high = _span([y for curve in stages for _, y in curve], 0.05)
        self._frame(painter, box, (low, high), lambda value: f"{10**value:.3g}")
        painter.setPen(QColor(self.tones.warning))
        painter.drawText(QPointF(box.left(), box.top() - 4), "loss")
        for number, curve in enumerate(stages, 1):
            color = self.tones.warning if number == len(stages) else self.tones.line
            self._line(painter, box, curve, (low, high), color)

    def _frame(
        self,
        painter: QPainter,
        box: QRectF,
        limits: tuple[float, float],
        shown: Callable[[float], str],
    ) -> None:
        """Draw the axes, and the limits of the upright one."""
        painter.setPen(QPen(QColor(self.tones.line), 1))
        painter.drawLine(box.bottomLeft(), box.bottomRight())
        painter.drawLine(box.bottomLeft(), box.topLeft())
        painter.setPen(QColor(self.tones.quiet))
        for value, y in zip(limits, (box.bottom(), box.top()), strict=True):
            rect = QRectF(0, y - 8, _LEFT - 5, 16)
            flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(rect, flags, shown(value))

    def _line(
        self,
        painter: QPainter,
        box: QRectF,
        curve: Curve,
        limits: tuple[float, float],
        color: str,
        *,
        dots: bool = False,
    ) -> None:
        total = self.curves.total
        points = [
            QPointF(box.left() + x / total * box.width(), _place(y, *limits, box)) for x, y in curve
        ]
        painter.setPen(QPen(QColor(color), 1.6))
        painter.drawPolyline(QPolygonF(points))
        if dots:
            painter.setBrush(QColor(color))
            for point in points:
                painter.drawEllipse(point, 2.2, 2.2)
            painter.setBrush(Qt.BrushStyle.NoBrush)


def _span(values: Sequence[float], least: float) -> tuple[float, float]:
    """Return limits around values, at least `least` apart."""
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    margin = max(0.08 * (high - low), (least - (high - low)) / 2)
    return low - margin, high + margin


def _place(value: float, low: float, high: float, box: QRectF) -> float:
    return box.bottom() - (value - low) / (high - low) * box.height()
