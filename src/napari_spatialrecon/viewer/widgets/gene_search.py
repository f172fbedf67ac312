"""A field that finds a gene by part of its name."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSignalBlocker, QStringListModel, Qt, QTimer, Signal
from qtpy.QtWidgets import QCompleter, QLineEdit

from napari_spatialrecon.viewer.window.present import present


class GeneSearch(QLineEdit):
    """Suggests the genes whose names contain the text that is typed.

    Signals: ``chosen(text)`` when a name was picked from the list, or Enter was pressed.
    """

    chosen = Signal(str)

    def __init__(self, hint: str, *, empties: bool = False) -> None:
        super().__init__()
        self.setPlaceholderText(hint)
        self._empties = empties
        self._names = QStringListModel(self)
        completer = QCompleter(self._names, self)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setMaxVisibleItems(14)
        self.setCompleter(completer)
        completer.activated[str].connect(self._choose)
        self.returnPressed.connect(self._enter)

    @property
    def names(self) -> list[str]:
        """The names that are suggested."""
        return list(self._names.stringList())

    def set_names(self, names: Sequence[str]) -> None:
        """Suggest these names."""
        if list(names) != self._names.stringList():
            self._names.setStringList(list(names))

    def show_name(self, name: str) -> None:
        """Show a name without choosing it."""
        with QSignalBlocker(self):
            self.setText(name)

    def _enter(self) -> None:
        popup = present(present(self.completer()).popup())
        if not popup.currentIndex().isValid():  # else the completer emits the choice
            popup.hide()
            self._choose(self.text())

    def _choose(self, text: str) -> None:
        if text.strip():
            self.chosen.emit(text.strip())
            if self._empties:
                QTimer.singleShot(0, self.clear)
