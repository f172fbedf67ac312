"""The numbers that tell how good a result is, each with what it means."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtWidgets import QHBoxLayout, QLabel, QWidget

from napari_spatialrecon.viewer.task.job import Figure
from napari_spatialrecon.viewer.window.tones import DARK, Tones


class Figures(QWidget):
    """Numbers in a row, the result's own first; hidden while there are none."""

    def __init__(self) -> None:
        super().__init__()
        self.tones: Tones = DARK
        self.labels: list[QLabel] = []
        row = self._row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch()
        self.hide()

    def show_figures(self, figures: Sequence[Figure]) -> None:
        """Show numbers, each with what it means as its tooltip."""
        for label in self.labels:
            label.hide()
            label.deleteLater()
        self.labels = []
        for text, meaning in figures:
            label = QLabel(f"· {text}" if self.labels else text)
            label.setToolTip(meaning)
            self._row.insertWidget(self._row.count() - 1, label)
            self.labels.append(label)
        self.set_tones(self.tones)
        self.setVisible(bool(figures))

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.tones = tones
        for number, label in enumerate(self.labels):
            style = "font-weight: bold;" if number == 0 else f"color: {tones.quiet};"
            label.setStyleSheet(style)
