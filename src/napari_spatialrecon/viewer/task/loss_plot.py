"""The live curves of a run: the loss, and above it the metrics with a baseline for comparison."""

from __future__ import annotations

import math
from collections.abc import Sequence

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_spatialrecon.viewer.task.curves import Curve, Curves
from napari_spatialrecon.viewer.window.tones import DARK, Tones

HELD_OUT_TIP = (
    "Error on held-out spots: 0 is perfect, 1 is useless. "
    "The dashed line is the error of kNN on the same spots."
)
_HEIGHT = 150
_LEFT, _RIGHT, _TOP, _BETWEEN, _BOTTOM = 44, 10, 16, 20, 16


class LossPlot(QWidget):
    """Draws `Curves`: metrics above, the loss (logarithmic) below."""

    def __init__(self, tip: str = HELD_OUT_TIP) -> None:
        super().__init__()
        self.curves = Curves()
        self.tones: Tones = DARK
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumHeight(_HEIGHT)
        self.setToolTip(tip)

    def sizeHint(self) -> QSize:
        """Room for two curves."""
        return QSize(280, _HEIGHT if self.curves.measures else _HEIGHT - 60)

    def set_curves(self, curves: Curves) -> None:
        """Draw these curves; only the loss if there are no metrics."""
        self.curves = curves
        self.setMinimumHeight(self.sizeHint().height())
        self.updateGeometry()
        self.update()

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.tones = tones
        self.update()

    def paintEvent(self, event: object) -> None:
        """Draw the panels."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPixelSize(11)
        painter.setFont(font)
        height = float(self.height() - _TOP - _BOTTOM)
        width = self.width() - _LEFT - _RIGHT
        if self.curves.measures:
            height = (height - _BETWEEN) / 2
            self._measures(painter, QRectF(_LEFT, _TOP, width, height))
        self._loss(painter, QRectF(_LEFT, self.height() - _BOTTOM - height, width, height))
        painter.setPen(QColor(self.tones.quiet))
        foot = QRectF(_LEFT, self.height() - _BOTTOM, width, _BOTTOM)
        painter.drawText(foot, Qt.AlignmentFlag.AlignRight, f"{self.curves.total:,} steps")
        painter.end()

    def _measures(self, painter: QPainter, box: QRectF) -> None:
        curves, baseline = self.curves, self.curves.baseline
        measured = list(curves.measured.values())
        values = [y for curve in measured for _, y in curve] + (
            [] if baseline is None else [baseline]
        )
        limits = curves.limits or _span(values, 0.1)
        colors = (self.tones.accent, self.tones.good, self.tones.warning)
        self._frame(painter, box, "", self.tones.accent, limits, "{:.2f}")
        if baseline is not None:
            y = _place(baseline, *limits, box)
            painter.setPen(QPen(QColor(self.tones.quiet), 1.4, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
            text = f"┄ {curves.baseline_title} {baseline:.2f}"
            painter.drawText(_above(box), Qt.AlignmentFlag.AlignRight, text)
        left = _above(box)
        for title, curve, color in zip(curves.measures.values(), measured, colors):
            painter.setPen(QColor(color))
            painter.drawText(left, Qt.AlignmentFlag.AlignLeft, title)
            left.setLeft(left.left() + painter.fontMetrics().horizontalAdvance(title) + 10)
            self._line(painter, box, curve, limits, color, dots=True)

    def _loss(self, painter: QPainter, box: QRectF) -> None:
        stages = [
            [(x, math.log10(y)) for x, y in curve if y > 0] for curve in self.curves.losses.values()
        ]
        low, high = _span([y for curve in stages for _, y in curve], 0.05)
        self._frame(painter, box, "loss", self.tones.warning, (low, high), "log")
        for number, curve in enumerate(stages, 1):
            color = self.tones.warning if number == len(stages) else self.tones.line
            self._line(painter, box, curve, (low, high), color)

    def _frame(
        self,
        painter: QPainter,
        box: QRectF,
        title: str,
        color: str,
        limits: tuple[float, float],
        kind: str,
    ) -> None:
        painter.setPen(QPen(QColor(self.tones.line), 1))
        painter.drawLine(box.bottomLeft(), box.bottomRight())
        painter.drawLine(box.bottomLeft(), box.topLeft())
        painter.setPen(QColor(color))
        painter.drawText(_above(box), Qt.AlignmentFlag.AlignLeft, title)
        if not self.curves:
            return
        painter.setPen(QColor(self.tones.quiet))
        for value, y in zip(limits, (box.bottom(), box.top()), strict=True):
            text = f"{10**value:.3g}" if kind == "log" else kind.format(value)
            rect = QRectF(0, y - 8, _LEFT - 5, 16)
            flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(rect, flags, text)

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


def _above(box: QRectF) -> QRectF:
    return QRectF(box.left(), box.top() - 15, box.width(), 14)
