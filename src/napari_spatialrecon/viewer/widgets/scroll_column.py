"""A column of widgets that scrolls."""

from __future__ import annotations

from qtpy.QtCore import QCoreApplication, QEvent, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget


class ScrollColumn(QScrollArea):
    """Widgets below one another, as wide as there is room, which scroll where they are too high.

    Parameters
    ----------
    margins
        Left, top, right and bottom, in pixels.
    spacing
        Between widgets, in pixels.

    Attributes
    ----------
    column
        Layout of the widgets.
    """

    def __init__(
        self, margins: tuple[int, int, int, int] = (8, 8, 8, 8), *, spacing: int = 8
    ) -> None:
        super().__init__()
        content = QWidget()
        self.column = QVBoxLayout(content)
        self.column.setContentsMargins(*margins)
        self.column.setSpacing(spacing)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(content)


def lay_out_now(widget: QWidget) -> None:
    """Give a widget, and what holds it up to the column, their new sizes before they are drawn.

    Qt does so a moment later; until then a part that grew lies over the one below.
    """
    above: QWidget | None = widget
    while above is not None and not isinstance(above, QScrollArea):
        QCoreApplication.sendPostedEvents(above, QEvent.Type.LayoutRequest.value)
        above = above.parentWidget()
