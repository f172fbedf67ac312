"""An error message within a widget: what is wrong, what to try, and Details."""

from __future__ import annotations

from qtpy.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from napari_spatialrecon.errors import ValidationError
from napari_spatialrecon.faces import speaking
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.window.details import DetailsBox
from napari_spatialrecon.viewer.window.face import Window
from napari_spatialrecon.viewer.window.notify import details, headline
from napari_spatialrecon.viewer.window.tones import DARK, Tones

_MOST_PROBLEMS = 4


class Notice(QFrame):
    """Shows an error until it is cleared; hidden while there is none."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("notice")
        self.tones: Tones = DARK
        self.error: BaseException | None = None
        self.label = WrappedLabel()
        self.details_button = QPushButton("Details")
        self.details_button.clicked.connect(self.show_details)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 6, 6)
        layout.addWidget(self.label)
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(self.details_button)
        layout.addLayout(row)
        self.clear()

    def clear(self) -> None:
        """Hide the message."""
        self.error = None
        self.hide()

    def show_error(self, error: BaseException) -> None:
        """Show what was wrong and what to try."""
        self.error = error
        self.label.setText(message(error))
        self.set_tones(self.tones)
        self.show()

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.tones = tones
        self.setStyleSheet(f"#notice {{ border-left: 3px solid {tones.wrong}; }}")
        self.label.setStyleSheet(f"color: {tones.wrong};")

    def show_details(self) -> DetailsBox:
        """Open the Details box."""
        assert self.error is not None, "Details are shown with an error"
        box = DetailsBox(headline(self.error), details(self.error), self.window())
        box.show()
        return box


def message(error: BaseException) -> str:
    """Return the text of a notice: one problem per line, only the first few of many."""
    if not isinstance(error, ValidationError):
        return headline(error)
    with speaking(Window()):
        shown = [str(problem) for problem in error.problems[:_MOST_PROBLEMS]]
    rest = len(error.problems) - len(shown)
    if rest:
        shown.append(f"and {rest} more (see Details)")
    return "\n".join(shown)
