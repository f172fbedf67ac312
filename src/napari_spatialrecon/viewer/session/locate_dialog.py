"""A dialog that lists the files of a session that moved, and asks for the folder they are in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QLabel,
    QListWidget,
    QPushButton,
    QVBoxLayout,
)

from napari_spatialrecon.viewer.session.reading import locate

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_spatialrecon.viewer.session.manifest import MovedError


class LocateDialog(QDialog):
    """Asks where files are now.

    Signals: ``found(dict)``, where each file is, by where it was.

    Parameters
    ----------
    error
        Names the files.
    """

    found = Signal(object)

    def __init__(self, error: MovedError, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Files that moved")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._missing = error.missing
        self._moved: dict[Path, Path] = {}
        self.label = QLabel()
        self.label.setWordWrap(True)
        self.list = QListWidget()
        self.list.setAccessibleName("Files that are missing")
        self.locate_button = QPushButton("Locate…")
        self.locate_button.setToolTip("Choose a folder; files of these names are sought in it")
        self.locate_button.clicked.connect(self.ask)
        self.locate_button.setDefault(True)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        buttons.addButton(self.locate_button, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        for part in (self.label, self.list, buttons):
            layout.addWidget(part)
        self.setMinimumWidth(460)
        self._show()

    def ask(self) -> None:
        """Ask for a folder, and look for the files in it."""
        folder = QFileDialog.getExistingDirectory(self, "Folder of the files")
        if folder:
            self.look_in(Path(folder))

    def look_in(self, folder: Path) -> None:
        """Look for the files below a folder; once all are found, hand them on and close."""
        left = tuple(path for path in self._missing if path not in self._moved)
        self._moved |= locate(left, folder)
        if len(self._moved) == len(self._missing):
            self.accept()
            self.found.emit(self._moved)
        else:
            self._show(f"{folder.name} does not hold all of them. ")

    def _show(self, before: str = "") -> None:
        left = [path for path in self._missing if path not in self._moved]
        one = len(left) == 1
        files = "1 file of the session is" if one else f"{len(left)} files of the session are"
        asked = "it was. Where is it now?" if one else "they were. Where are they now?"
        self.label.setText(f"{before}{files} not where {asked}")
        self.list.clear()
        self.list.addItems([str(path) for path in left])
