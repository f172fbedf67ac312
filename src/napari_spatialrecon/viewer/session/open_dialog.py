"""What happens when a session is opened while something is open: it replaces that, or is added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QLabel, QVBoxLayout

from napari_spatialrecon.viewer.session.closing import listed
from napari_spatialrecon.viewer.window.present import present

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget


class OpenDialog(QDialog):
    """Asks whether a session replaces what is open.

    Signals: ``replaced()``, ``added()``.

    Parameters
    ----------
    name
        Of the session.
    unsaved
        Names of the runs that would be lost.
    """

    replaced = Signal()
    added = Signal()

    def __init__(self, name: str, unsaved: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Open session")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        lost = f"\n\nReplacing it loses what is not saved:\n{listed(unsaved)}" if unsaved else ""
        self.label = QLabel(
            f"Something is open already. {name} can replace it, and then looks as it was saved, or "
            f"be added to it.{lost}"
        )
        self.label.setWordWrap(True)
        kinds, roles = QDialogButtonBox.StandardButton, QDialogButtonBox.ButtonRole
        buttons = QDialogButtonBox(kinds.Cancel)
        self.replace_button = present(buttons.addButton("Replace", roles.AcceptRole))
        self.add_button = present(buttons.addButton("Add", roles.AcceptRole))
        self.cancel_button = present(buttons.button(kinds.Cancel))
        self.add_button.setDefault(True)
        self.replace_button.clicked.connect(lambda: self._answer(replace=True))
        self.add_button.clicked.connect(lambda: self._answer(replace=False))
        self.cancel_button.clicked.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self.label)
        layout.addWidget(buttons)
        self.setMinimumWidth(420)

    def _answer(self, *, replace: bool) -> None:
        self.accept()
        (self.replaced if replace else self.added).emit()
