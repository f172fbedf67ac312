"""Text that wraps to the available width."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QLabel, QSizePolicy


class WrappedLabel(QLabel):
    """Selectable plain text that never asks for more width than there is.

    A plain `QLabel` asks for the height that its text would need in a very narrow column, and a
    scroll area makes room for that.
    """

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)  # a label forgets it with its policy until the text changes
        self.setSizePolicy(policy)

    def minimumSizeHint(self) -> QSize:
        """One line."""
        return QSize(20, self.fontMetrics().height())
