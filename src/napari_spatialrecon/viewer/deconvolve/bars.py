"""Mean proportions as stacked bars, one per group, with a legend of the types below."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_spatialrecon.evaluation.palette import OTHER, elide
from napari_spatialrecon.viewer.window.tones import DARK, Tones

_BAR, _GAP, _LINE, _NAME = 14, 5, 16, 96
_LONGEST_NAME, _LONGEST_LEGEND = 15, 28
_ONE_COLUMN, _LONG, _SHORT = 8, 36, 15
"""Largest number of types in one column; more are in two columns, with shorter names."""


class StackedBars(QWidget):
    """Draws bars that sum to 1. Hidden while there are none."""

    def __init__(self) -> None:
        super().__init__()
        self.tones: Tones = DARK
        self.groups: list[tuple[str, int]] = []
        self.types: list[str] = []
        self.order: list[int] = []
        self.legend: list[tuple[int | None, str]] = []
        self._colors: list[QColor] = []
        self._means = np.empty((0, 0))
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.hide()

    def sizeHint(self) -> QSize:
        """Height of all groups, and of the legend."""
        return QSize(320, (_BAR + _GAP) * len(self.groups) + 8 + _LINE * self._lines)

    @property
    def _lines(self) -> int:
        n = len(self.legend)
        return n if n <= _ONE_COLUMN else (n + 1) // 2

    def show_bars(
        self,
        means: np.ndarray,
        groups: Sequence[tuple[str, int]],
        types: Sequence[str],
        overall: np.ndarray,
    ) -> None:
        """Show bars.

        Parameters
        ----------
        means : (n_groups, n_types)
            Rows sum to 1.
        groups
            Name and number of spots of each.
        overall : (n_types,)
            Mean over all spots, which orders the legend.
        """
        self._means, self.groups, self.types = means, list(groups), list(types)
        order = self.order = [int(i) for i in np.argsort(-overall, kind="stable")]
        shown, rest = order[:_LONGEST_LEGEND], order[_LONGEST_LEGEND:]
        longest = _LONG if len(order) <= _ONE_COLUMN else _SHORT
        self.legend = [(i, f"{elide(types[i], longest)}  {overall[i]:.1%}") for i in shown]
        if rest:
            self.legend.append((None, f"{len(rest)} more  {overall[rest].sum():.1%}"))
        sizes = [f"{name}: {count:,} spots" for name, count in groups]
        means_of = [f"{types[i]}: {overall[i]:.1%}" for i in order]
        self.setToolTip("\n".join(["Mean shares of the cell types", *sizes, "", *means_of]))
        self.setFixedHeight(self.sizeHint().height())
        self.show()
        self.update()

    def set_colors(self, colors: Sequence[Sequence[float]]) -> None:
        """Set the color of each type, RGBA in [0, 1]."""
        self._colors = [QColor.fromRgbF(*(float(c) for c in color)) for color in colors]
        self.update()

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.tones = tones
        self.update()

    def paintEvent(self, event: object) -> None:
        """Draw bars and legend."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = self.font()
        font.setPixelSize(11)
        painter.setFont(font)
        left = 0.0 if len(self.groups) == 1 else float(_NAME)
        for number, (name, _) in enumerate(self.groups):
            top = number * (_BAR + _GAP)
            if left:
                painter.setPen(QColor(self.tones.quiet))
                painter.drawText(QPointF(0, top + _BAR - 3), elide(name, _LONGEST_NAME))
            self._bar(painter, self._means[number], left, top)
        below = len(self.groups) * (_BAR + _GAP) + 4
        for number, (kind, text) in enumerate(self.legend):
            column, line = divmod(number, self._lines)
            x, top = column * self.width() / 2, below + line * _LINE
            painter.fillRect(QRectF(x, top + 2, 11, 11), self._color(kind))
            painter.setPen(self.palette().windowText().color())
            painter.drawText(QPointF(x + 18, top + 12), text)
        painter.end()

    def _bar(self, painter: QPainter, shares: np.ndarray, left: float, top: float) -> None:
        width, x = self.width() - left, left
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(Qt.PenStyle.NoPen)
        for kind in self.order:
            painter.fillRect(QRectF(x, top, width * shares[kind], _BAR), self._color(kind))
            x += width * shares[kind]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)

    def _color(self, kind: int | None) -> QColor:
        if kind is None or kind >= len(self._colors):
            return QColor(OTHER)
        return self._colors[kind]
