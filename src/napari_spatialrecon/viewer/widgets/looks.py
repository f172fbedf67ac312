"""Looks and behaviour of a form that magicgui leaves to the toolkit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from magicgui.widgets import Label, PushButton
from magicgui.widgets.bases import ValueWidget, Widget


class Look(Protocol):
    """How a form looks and behaves in one toolkit."""

    def align(self, group: Widget, titles: Sequence[Label]) -> None:
        """Give the titles of a group the same width."""

    def display(self, form: Widget) -> None:
        """Show a form where IPython shows the value of a line."""

    def error(self, label: Label) -> None:
        """Make a label red, and wrap its text."""

    def grow(self, widget: Widget) -> None:
        """Let a widget take the remaining width."""

    def heading(self, label: Label) -> None:
        """Make a label bold."""

    def hint(self, editor: ValueWidget, text: str) -> None:
        """Show a text while the editor is empty."""

    def ignore_wheel(self, editor: ValueWidget) -> None:
        """Let the mouse wheel scroll the form, not change a value under the pointer."""

    def name(self, editor: ValueWidget, text: str) -> None:
        """Set the editor's name for screen readers."""

    def show_start(self, editor: ValueWidget) -> None:
        """Show the beginning of a text longer than its field."""

    def shrink(self, widget: Widget) -> None:
        """Keep a widget as narrow as its text."""

    def unfold(self, button: PushButton, unfolded: bool) -> None:
        """Style a button as the heading of a foldable section."""


def look(widget: Widget) -> Look:
    """Return the look of the toolkit that draws a widget."""
    if widget.__magicgui_app__.backend_name == "qt":
        from napari_spatialrecon.viewer.widgets.qt_look import QtLook

        return QtLook()
    from napari_spatialrecon.viewer.widgets.notebook_look import NotebookLook

    return NotebookLook()
