"""A dialog that asks which of several tables, slides or regions of a file to open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QListWidget,
    QVBoxLayout,
)

from napari_spatialrecon.viewer.window.present import present

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_spatialrecon.errors import ChoiceError

#: Rows that are shown without scrolling.
_ROWS = 12


class ChoiceDialog(QDialog):
    """Lists what a file holds; one or several are chosen, and each is opened.

    Parameters
    ----------
    error
        What has to be chosen.
    path
        The file.
    """

    chosen = Signal(list)
    """The choices, in the order of the file."""

    def __init__(self, error: ChoiceError, path: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Open {path.name}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        question = QLabel(
            f"This file holds {len(error.choices)} {error.what}. Which should be opened?"
        )
        question.setWordWrap(True)
        self.list = QListWidget()
        self.list.addItems(error.choices)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.setCurrentRow(0)
        self.list.setAccessibleName(error.what)
        rows = min(len(error.choices), _ROWS) + 1
        self.list.setMinimumHeight(rows * max(20, self.list.sizeHintForRow(0)))
        hint = QLabel("Ctrl-click or Shift-click to choose several: each becomes a separate slide.")
        hint.setWordWrap(True)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel
        )
        self.open_button = present(buttons.button(QDialogButtonBox.StandardButton.Open))
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self.list.itemSelectionChanged.connect(self._on_selection)
        self.list.itemDoubleClicked.connect(lambda _: self.accept())
        layout = QVBoxLayout(self)
        for part in (question, self.list, hint, buttons):
            layout.addWidget(part)
        self.setMinimumWidth(380)

    def accept(self) -> None:
        """Hand on what is selected, and close."""
        rows = sorted(index.row() for index in self.list.selectedIndexes())
        super().accept()
        self.chosen.emit([present(self.list.item(row)).text() for row in rows])

    def _on_selection(self) -> None:
        self.open_button.setEnabled(bool(self.list.selectedIndexes()))
