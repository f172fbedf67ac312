"""A form in a notebook (ipywidgets)."""

from __future__ import annotations

from collections.abc import Sequence

from magicgui.widgets import Label, PushButton
from magicgui.widgets.bases import ValueWidget, Widget


class NotebookLook:
    """See `Look`."""

    def align(self, group: Widget, titles: Sequence[Label]) -> None:
        """Give the titles of a group the same width."""
        for title in titles:
            title.native.layout.width = f"{max(len(t.value) for t in titles) + 2}ch"

    def display(self, form: Widget) -> None:
        """Show a form below the cell."""
        from IPython import display

        display.display(form.native)  # type: ignore[no-untyped-call]

    def error(self, label: Label) -> None:
        """Make a label red."""
        label.native.style.text_color = "#d9534f"

    def grow(self, widget: Widget) -> None:
        """Let a widget take the remaining width."""
        widget.native.layout.flex = "1"
        if hasattr(widget.native, "indent"):
            widget.native.indent = False  # a checkbox reserves no room for a label

    def heading(self, label: Label) -> None:
        """Make a label bold."""
        label.native.style.font_weight = "bold"

    def hint(self, editor: ValueWidget, text: str) -> None:
        """Show a text while the editor is empty."""
        editor.native.placeholder = text

    def ignore_wheel(self, editor: ValueWidget) -> None:
        """Browsers do."""

    def name(self, editor: ValueWidget, text: str) -> None:
        """Ipywidgets gives the tooltip to screen readers."""

    def show_start(self, editor: ValueWidget) -> None:
        """Browsers do."""

    def shrink(self, widget: Widget) -> None:
        """Keep a widget as narrow as its text."""
        widget.native.layout.width = "auto"

    def unfold(self, button: PushButton, unfolded: bool) -> None:
        """Look like a heading."""
        button.native.layout.width = "auto"
        button.native.style.button_color = "transparent"
