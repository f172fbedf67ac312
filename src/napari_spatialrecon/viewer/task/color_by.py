"""Choose what colors a result: uncertainty, a column or a gene, searched by typing."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QComboBox, QCompleter, QHBoxLayout, QLabel, QSizePolicy, QWidget

from napari_spatialrecon.tissue.slots import UNCERTAINTY
from napari_spatialrecon.viewer.window.present import present

_UNCERTAIN = "uncertainty"


class ColorBy(QWidget):
    """A list that is searched by typing part of a name.

    Signals: ``chosen(name)``, a column or gene of the table.
    """

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.combo = QComboBox()
        self.combo.setEditable(True)
        self.combo.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.combo.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.combo.setMaxVisibleItems(14)
        completer = QCompleter(self.combo.model(), self.combo)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        self.combo.setCompleter(completer)
        field = present(self.combo.lineEdit())
        field.setPlaceholderText("type a gene or a column")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("Color by"))
        row.addWidget(self.combo, 1)
        self.combo.activated.connect(self._choose)
        completer.activated.connect(self._choose_name)
        field.returnPressed.connect(self._choose)

    def set_names(self, columns: Sequence[str], genes: Sequence[str]) -> None:
        """Offer these names, columns first."""
        shown = [_UNCERTAIN if name == UNCERTAINTY else name for name in columns]
        with QSignalBlocker(self.combo):
            self.combo.clear()
            self.combo.addItems([*shown, *genes])
            self.combo.setCurrentIndex(0)

    def _choose(self) -> None:
        self._choose_name(self.combo.currentText())

    def _choose_name(self, text: str) -> None:
        index = self.combo.findText(text, Qt.MatchFlag.MatchFixedString)
        name = self.combo.itemText(index) if index >= 0 else text
        self.chosen.emit(UNCERTAINTY if name == _UNCERTAIN else name)
