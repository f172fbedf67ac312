"""One hyper-parameter as a field of a form."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from napari_spatialrecon.errors import ConfigError
from napari_spatialrecon.hyperparameters import Option

ERROR_STYLE = "color: #d9534f;"
_AUTOMATIC = "automatic"
#: Longer numbers, a third for instance, are shown rounded.
_LONGEST = 12


class Field(QWidget):
    """An editor for one option: what is typed stays, and why it is wrong stands below.

    A number that is shown rounded keeps its value until another is typed.

    Parameters
    ----------
    option
        Its help becomes the tooltip, its unit stands behind the editor.
    """

    changed = Signal()

    def __init__(self, option: Option) -> None:
        super().__init__()
        self.option = option
        self._shown: tuple[str, Any] | None = None
        self._title = plain(option.name.rpartition(".")[2])
        self.label = QLabel(self._title)
        self.error = QLabel(objectName="error")
        self.error.setStyleSheet(ERROR_STYLE)
        self.error.setWordWrap(True)
        self.error.hide()
        self.editor = self._make_editor()
        for widget in (self.label, self.editor):
            widget.setToolTip(tooltip(option))
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.editor, 1)
        if option.unit:
            row.addWidget(QLabel(option.unit))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(1)
        layout.addLayout(row)
        layout.addWidget(self.error)

    def value(self) -> Any:
        """Return the value.

        Raises
        ------
        ConfigError
            What stands in the field is not allowed.
        """
        if isinstance(self.editor, QCheckBox):
            return self.editor.isChecked()
        if isinstance(self.editor, QComboBox):
            text = self.editor.currentText()
            return None if self.option.optional and text == _AUTOMATIC else text
        typed = self.editor.text().strip()
        if self._shown is not None and typed == self._shown[0]:
            return self._shown[1]
        return self.option.check(self.option.parse(typed))

    def set_value(self, value: Any) -> None:
        """Show a value."""
        if isinstance(self.editor, QCheckBox):
            self.editor.setChecked(bool(value))
        elif isinstance(self.editor, QComboBox):
            self.editor.setCurrentText(_AUTOMATIC if value is None else value)
        else:
            self._shown = (_text(value), value)
            self.editor.setText(_text(value))
            self.editor.setCursorPosition(0)

    def problem(self) -> ConfigError | None:
        """Return why the field's content is not allowed, or None if it is."""
        try:
            self.value()
        except ConfigError as error:
            return error
        return None

    def mark(self, *, changed: bool) -> None:
        """Show whether the value differs from the preset, and what is wrong with it."""
        self.label.setText(f"{self._title} •" if changed else self._title)
        problem = self.problem()
        self.error.setVisible(problem is not None)
        self.error.setText(problem.problem.message if problem is not None else "")

    def _make_editor(self) -> QWidget:
        option = self.option
        if option.type is bool and not option.optional:
            box = QCheckBox()
            box.toggled.connect(self.changed)
            return box
        choices = ("true", "false") if option.type is bool else option.choices
        if choices:
            combo = QComboBox()
            combo.addItems([*([_AUTOMATIC] if option.optional else []), *choices])
            combo.currentTextChanged.connect(self.changed)
            combo.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            return combo
        line = QLineEdit()
        line.setPlaceholderText(_AUTOMATIC if option.optional else "")
        line.textChanged.connect(self.changed)
        return line


def plain(name: str) -> str:
    """Return a field's name as a label.

    Examples
    --------
    >>> plain("learning_rate"), plain("network.encoder")
    ('Learning rate', 'Network · encoder')
    """
    words = name.replace("_", " ").replace(".", " · ")
    return words[:1].upper() + words[1:]


def tooltip(option: Option) -> str:
    """Return an option's help with its bounds and its name in Python."""
    unit = f" {option.unit}" if option.unit else ""
    bounds = ""
    if option.low is not None and option.high is not None:
        bounds = f"From {option.low:g} to {option.high:g}{unit}."
    elif option.low is not None:
        bounds = f"At least {option.low:g}{unit}."
    elif option.high is not None:
        bounds = f"At most {option.high:g}{unit}."
    lines = [option.help, bounds, f"Default {_text(option.default) or _AUTOMATIC}.", option.name]
    return "\n".join(line for line in lines if line)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    short, full = f"{value:g}", str(value)
    return short if float(short) == value or len(full) > _LONGEST else full
