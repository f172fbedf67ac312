"""A dialog that lists the files elsewhere that a session of another user would open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QLabel, QListWidget, QVBoxLayout

from napari_spatialrecon.viewer.window.present import present

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_spatialrecon.viewer.session.manifest import OutsideError


class OutsideDialog(QDialog):
    """Asks whether a session may open files outside its folder.

    Signals: ``allowed()``.

    Parameters
    ----------
    error
        Names the files.
    """

    allowed = Signal()

    def __init__(self, error: OutsideError, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Files elsewhere")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        n = len(error.paths)
        files, them = ("a file", "it") if n == 1 else (f"{n} files", "them")
        self.label = QLabel(
            f"Nothing shows that you saved this session on this computer, and it opens {files} "
            f"outside its folder. Open {them} if you know who made the session."
        )
        self.label.setWordWrap(True)
        self.list = QListWidget()
        self.list.setAccessibleName("Files outside the folder of the session")
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.addItems([str(path) for path in error.paths])
        for row, path in enumerate(error.paths):
            present(self.list.item(row)).setToolTip(str(path))
        kinds = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(kinds.Cancel)
        role = QDialogButtonBox.ButtonRole.ActionRole
        self.open_button = present(buttons.addButton(f"Open {them}", role))
        self.cancel_button = present(buttons.button(kinds.Cancel))
        self.cancel_button.setDefault(True)
        self.open_button.clicked.connect(self._allow)
        self.cancel_button.clicked.connect(self.reject)
        layout = QVBoxLayout(self)
        for part in (self.label, self.list, buttons):
            layout.addWidget(part)
        self.setMinimumWidth(460)

    def _allow(self) -> None:
        self.accept()
        self.allowed.emit()
