"""A section under a heading that folds it."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QSizePolicy, QToolButton, QVBoxLayout, QWidget


class Fold(QWidget):
    """Shows its content while it is open; folded content cannot be reached with Tab.

    Signals: ``toggled(bool)``, whether it is open now.
    """

    toggled = Signal(bool)

    def __init__(self, title: str, content: QWidget, *, opened: bool = True) -> None:
        super().__init__()
        self.content = content
        self.heading = QToolButton()
        self.heading.setText(title)
        self.heading.setCheckable(True)
        self.heading.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.heading.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.heading.setStyleSheet(
            "QToolButton { border: none; background: transparent; font-weight: bold; }"
            "QToolButton:focus { border: 1px solid palette(highlight); }"
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.heading)
        layout.addWidget(content)
        self.heading.toggled.connect(self._fold)
        self.heading.setChecked(opened)
        self._fold(opened)

    @property
    def opened(self) -> bool:
        """Whether the content is shown."""
        return self.heading.isChecked()

    def set_opened(self, opened: bool) -> None:
        """Show or fold the content."""
        self.heading.setChecked(opened)

    def _fold(self, opened: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow
        self.heading.setArrowType(arrow)
        self.content.setVisible(opened)
        self.toggled.emit(opened)
