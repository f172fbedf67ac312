"""A dialog for what may be chosen when a table is read: the fields of `ReadOptions`."""

from __future__ import annotations

from dataclasses import Field, fields
from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from napari_spatialrecon.tissue.formats.options import OF_EVERY_FORMAT, ReadOptions
from napari_spatialrecon.tissue.formats.registry import Format

_AUTOMATIC = "automatic"


class ReadDialog(QDialog):
    """Asks for the reading options that the format of a file heeds.

    Parameters
    ----------
    path
        The file or folder.
    known
        Its format.
    """

    chosen = Signal(object)
    """The options, a `ReadOptions`."""

    def __init__(self, path: Path, known: Format, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Open {path.name} with options")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.fields: dict[str, QComboBox | QLineEdit] = {}
        form = QFormLayout()
        for option in fields(ReadOptions):
            if option.name in {*known.options, *OF_EVERY_FORMAT}:
                self.fields[option.name] = field = _field(option)
                form.addRow(_label(option.name), field)
        heading = QLabel(f"{path.name}: {known.title}.")
        heading.setWordWrap(True)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(heading)
        layout.addLayout(form)
        layout.addWidget(buttons)
        self.setMinimumWidth(600)

    def options(self) -> ReadOptions:
        """Return what is typed and chosen."""
        return ReadOptions.of({name: text for name in self.fields if (text := self._text(name))})

    def accept(self) -> None:
        """Hand on the options, and close."""
        options = self.options()
        super().accept()
        self.chosen.emit(options)

    def _text(self, name: str) -> str:
        field = self.fields[name]
        if isinstance(field, QComboBox):
            return field.currentText() if field.currentIndex() > 0 else ""
        return field.text().strip()


def _label(name: str) -> str:
    words = name.replace("_", " ")
    return words.replace("um ", "µm ") if words.startswith("um ") else words.capitalize()


def _field(option: Field[str | None]) -> QComboBox | QLineEdit:
    help = str(option.metadata["help"])
    tip = help[:1].upper() + help[1:] + "."
    field: QComboBox | QLineEdit
    if choices := option.metadata["choices"]:
        field = QComboBox()
        field.addItems([_AUTOMATIC, *choices])
    else:
        field = QLineEdit()
        field.setPlaceholderText(f"{_AUTOMATIC}: {help}")
    field.setToolTip(tip)
    field.setAccessibleName(_label(option.name))
    return field
