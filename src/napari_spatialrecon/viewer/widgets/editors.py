"""The editors of a form: those of magicgui, and ours, registered for the types it lacks."""

from __future__ import annotations

from typing import Any, ClassVar

from magicgui.type_map import TypeMap
from magicgui.widgets import CheckBox, ComboBox, LineEdit
from magicgui.widgets.bases import ValueWidget

from napari_spatialrecon.hyperparameters import Option
from napari_spatialrecon.viewer.widgets.looks import look
from napari_spatialrecon.viewer.widgets.parameters import AUTOMATIC, annotation, shown


class Typed(LineEdit):
    """A value as typed text: short, empty for None, and kept even if invalid.

    magicgui's number fields correct the input and do not support None. Here, text that cannot be
    parsed becomes the value, for the config to reject. A number that is shown rounded keeps its
    value until another is typed.
    """

    kind: ClassVar[type] = str
    _kept: tuple[str, Any] | None = None

    def get_value(self) -> Any:
        """Return the value, or the text if it cannot be parsed."""
        typed = str(super().get_value()).strip()
        if self._kept is not None and typed == self._kept[0]:
            return self._kept[1]
        if self._nullable and typed.lower() in ("", "none"):
            return None
        try:
            return self.kind(typed)
        except ValueError:
            return typed

    def set_value(self, value: Any) -> None:
        """Show a value."""
        self._kept = (shown(value), value)
        super().set_value(shown(value))
        look(self).show_start(self)

    def _on_value_change(self, value: Any = None) -> None:
        self.changed.emit(self.get_value())


class WholeNumber(Typed):
    """An integer as typed text."""

    kind = int


class Number(Typed):
    """A floating-point number as typed text."""

    kind = float


# A separate map, so that other plugins still get magicgui's fields for these types.
TYPES = TypeMap()
TYPES.register_type(bool, widget_type=CheckBox)  # else it would be taken for an int
for widget_type in (Typed, WholeNumber, Number):
    TYPES.register_type(widget_type.kind, widget_type=widget_type)


def make_editor(option: Option) -> ValueWidget:
    """Return the widget that edits an option, showing its default."""
    editor = TYPES.create_widget(annotation=annotation(option), name=option.name)
    assert isinstance(editor, ValueWidget)
    if isinstance(editor, ComboBox):
        editor.null_string = AUTOMATIC
        editor.reset_choices()
        look(editor).ignore_wheel(editor)
    elif isinstance(editor, Typed) and option.optional:
        look(editor).hint(editor, AUTOMATIC)
    editor.value = option.default
    return editor
