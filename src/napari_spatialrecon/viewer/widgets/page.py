"""A page of text in a window of its own."""

from __future__ import annotations

from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from napari_spatialrecon.viewer.window.present import present

_BRIEF, _WHOLE = (440, 400), (680, 560)
"""Size of the window with a brief text, and with a page."""
_ROLE = QDialogButtonBox.ButtonRole.ActionRole


class PageBox(QDialog):
    """Shows Markdown; web links open in the browser.

    Parameters
    ----------
    title
        Title of the window.
    text
        Markdown.
    more
        A longer text that a button shows in its place; without it there is no button.
    """

    def __init__(
        self, title: str, text: str, parent: QWidget | None = None, *, more: str = ""
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.text = QTextBrowser()
        self.text.setOpenLinks(False)
        self.text.setMarkdown(text)
        self.text.anchorClicked.connect(_open)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        layout.addWidget(self.text, 1)
        layout.addWidget(buttons)
        self.resize(*(_BRIEF if more else _WHOLE))
        self._more = more
        self.more_button = buttons.addButton("Whole page", _ROLE)
        present(self.more_button).clicked.connect(self.show_more)
        present(self.more_button).setVisible(bool(more))

    def show_more(self) -> None:
        """Show the longer text."""
        self.text.setMarkdown(self._more)
        present(self.more_button).hide()
        self.resize(*_WHOLE)


def _open(link: QUrl) -> None:
    if link.scheme() in ("http", "https"):
        QDesktopServices.openUrl(link)
