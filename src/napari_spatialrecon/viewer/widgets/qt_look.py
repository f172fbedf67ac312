"""A form in Qt."""

from __future__ import annotations

from collections.abc import Sequence

from magicgui.widgets import Label, PushButton
from magicgui.widgets.bases import ValueWidget, Widget
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

ERROR_STYLE = "color: #d9534f;"
_Policy = QSizePolicy.Policy


class QtLook:
    """See `Look`."""

    def align(self, group: Widget, titles: Sequence[Label]) -> None:
        """Give the titles of a group the same width, also after a change of theme or font."""
        aligned = _Aligned(group.native, [title.native for title in titles])
        group.native.installEventFilter(aligned)

    def display(self, form: Widget) -> None:
        """Open a form as a window."""
        form.show()

    def error(self, label: Label) -> None:
        """Make a label red, and wrap its text."""
        label.native.setStyleSheet(ERROR_STYLE)
        label.native.setWordWrap(True)
        label.native.setSizePolicy(_Policy.Ignored, _Policy.Preferred)

    def grow(self, widget: Widget) -> None:
        """Let a widget take the remaining width, and require none itself."""
        widget.native.setSizePolicy(_Policy.Ignored, widget.native.sizePolicy().verticalPolicy())

    def heading(self, label: Label) -> None:
        """Make a label bold."""
        label.native.setStyleSheet("font-weight: bold;")

    def hint(self, editor: ValueWidget, text: str) -> None:
        """Show a text while the editor is empty."""
        editor.native.setPlaceholderText(text)

    def ignore_wheel(self, editor: ValueWidget) -> None:
        """Let the mouse wheel scroll the form."""
        ignore_wheel(editor.native)

    def name(self, editor: ValueWidget, text: str) -> None:
        """Set the editor's name for screen readers."""
        editor.native.setAccessibleName(text)

    def show_start(self, editor: ValueWidget) -> None:
        """Show the beginning of a text longer than its field."""
        editor.native.setCursorPosition(0)

    def shrink(self, widget: Widget) -> None:
        """Keep a widget as narrow as its text."""
        widget.native.setSizePolicy(_Policy.Maximum, widget.native.sizePolicy().verticalPolicy())

    def unfold(self, button: PushButton, unfolded: bool) -> None:
        """Look like the foldable parts of the window (superqt's `QCollapsible`)."""
        button.native.setStyleSheet("text-align: left; border: none; outline: none;")
        button.native.setCheckable(True)
        button.native.setChecked(unfolded)


def ignore_wheel(widget: QWidget) -> None:
    """Pass the mouse wheel on to the parent of the widget, so that its value stays."""
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    widget.installEventFilter(_WheelFilter(widget))


class _WheelFilter(QObject):
    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Take the wheel away from the widget."""
        if event is not None and event.type() == QEvent.Type.Wheel:
            event.ignore()
            return True
        return False


class _Aligned(QObject):
    """Keeps labels as wide as the widest of them."""

    _EVENTS = (QEvent.Type.Polish, QEvent.Type.StyleChange, QEvent.Type.FontChange)

    def __init__(self, parent: QObject, labels: Sequence[QLabel]) -> None:
        super().__init__(parent)
        self._labels = labels
        self._align()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Measure again if the font may have changed."""
        if event is not None and event.type() in self._EVENTS:
            self._align()
        return False

    def _align(self) -> None:
        mark = self._labels[0].fontMetrics().horizontalAdvance(" •")
        width = max(label.sizeHint().width() for label in self._labels) + mark
        for label in self._labels:
            label.setMinimumWidth(width)
