"""Choose what colors a result: uncertainty, a column or a gene, searched by typing."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QWidget

from napari_spatialrecon.viewer.canvas.point_values import LABELS
from napari_spatialrecon.viewer.widgets.name_search import NameSearch
from napari_spatialrecon.viewer.window.tones import Tones


class ColorBy(QWidget):
    """A field that is searched by typing part of a name.

    Signals: ``chosen(name)``, a column or gene of the table.
    """

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.field = NameSearch(LABELS)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("Color by"))
        row.addWidget(self.field, 1)
        self.field.chosen.connect(self.chosen)

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.field.set_tones(tones)

    def set_names(self, columns: Sequence[str], genes: Sequence[str]) -> None:
        """Offer these names; the first column is what a result is colored by at first."""
        self.field.set_names(columns, genes)
        self.field.show_name(columns[0] if columns else "")
