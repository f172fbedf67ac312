"""A field of a form for one hyper-parameter, and a foldable section of a form."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import Container, Label, PushButton
from magicgui.widgets.bases import Widget

from napari_spatialrecon.errors import ConfigError
from napari_spatialrecon.hyperparameters import Option
from napari_spatialrecon.viewer.widgets.editors import make_editor
from napari_spatialrecon.viewer.widgets.looks import look
from napari_spatialrecon.viewer.widgets.parameters import title


class Note(Label):
    """A label that does not emit when its text changes."""

    def _on_value_change(self, value: Any = None) -> None:
        """Emit nothing."""


class Field(Container[Widget]):
    """Title, editor and unit of one option; text that was typed stays, with any error below.

    Parameters
    ----------
    option
        Its type makes the editor, its help the tooltip.
    """

    def __init__(self, option: Option) -> None:
        self.option = option
        self.editor = make_editor(option)
        self.title = Note(value=title(option), tooltip=self.editor.tooltip)
        self.error = Note(value="", visible=False)
        unit = [Note(value=option.unit)] if option.unit else []
        line = Container(
            layout="horizontal", widgets=[self.title, self.editor, *unit], labels=False
        )
        super().__init__(widgets=[line, self.error], labels=False)
        line.margins = self.margins = (0, 0, 0, 0)
        drawn = look(self)
        drawn.grow(self.editor)
        drawn.name(self.editor, f"{self.title.value} {option.unit}".strip())
        drawn.error(self.error)

    def value(self) -> Any:
        """Return the value.

        Raises
        ------
        ConfigError
            The content of the field is invalid.
        """
        return self.option.check(self.editor.value)

    def set_value(self, value: Any) -> None:
        """Show a value without emitting a change."""
        with self.editor.changed.blocked():
            self.editor.value = value

    def mark(self, *, changed: bool, problem: ConfigError | None) -> None:
        """Show whether the value differs from the preset, and any error."""
        text = f"{title(self.option)} •" if changed else title(self.option)
        if self.title.value != text:
            self.title.value = text
        message = problem.problem.message if problem is not None else ""
        if self.error.value != message:
            self.error.value = message
            self.error.visible = bool(message)


class Fold(Container[Widget]):
    """A container below a heading that shows or hides it."""

    def __init__(self, heading: str, body: Container[Widget]) -> None:
        self._heading = heading
        self.button = PushButton(text=heading)
        self.body = body
        super().__init__(widgets=[self.button, self.body], labels=False)
        self.margins = (0, 0, 0, 0)
        self.body.margins = (10, 0, 0, 0)
        self.button.changed.disconnect()  # folding does not change a value
        self.button.changed.connect(self._toggle)
        self.fold(True)

    @property
    def folded(self) -> bool:
        """Whether the body is hidden."""
        return self._folded

    def fold(self, folded: bool) -> None:
        """Hide the body, or show it."""
        self._folded = folded
        self.body.visible = not folded
        self.button.text = f"{'▸' if folded else '▾'} {self._heading}"
        look(self).unfold(self.button, not folded)

    def _toggle(self) -> None:
        self.fold(not self._folded)
