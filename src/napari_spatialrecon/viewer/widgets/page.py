"""A page of text and pictures in a window of its own."""

from __future__ import annotations

import re
from pathlib import Path

from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import (
    QColor,
    QDesktopServices,
    QImage,
    QPalette,
    QTextBlock,
    QTextCharFormat,
    QTextCursor,
    QTextFragment,
)
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QPushButton,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from napari_spatialrecon.methods.pages import pages_folder
from napari_spatialrecon.viewer.widgets.rows import small_button
from napari_spatialrecon.viewer.window.present import present

_SIZE = (760, 640)
_MARGIN = 40
"""Pixels beside a picture: the document's margins and the scroll bar."""
_LINKS, _MIDDLE = ("#00695c", "#6fd3c4"), 127
"""Colors of links on a light and on a dark ground; lightness between the two."""
_ROLE = QDialogButtonBox.ButtonRole.ActionRole
_WEB = ("http", "https")
_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])+)\]\(([^)\s]+)\)")
_COMMENT = re.compile(r"<!--.*?-->\n?", re.S)


class PageBox(QDialog):
    """Shows a page in Markdown with its pictures.

    Links to the web open in the browser, links to a page that is at hand open here, with a way
    back. Those to a page that is not at hand are shown as text.

    Parameters
    ----------
    title
        Title of the window.
    text
        Markdown.
    folder
        Where links and pictures of the text start from; without it only the web is linked to.
    """

    def __init__(
        self, title: str, text: str, parent: QWidget | None = None, *, folder: Path | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.text = _Browser()
        self.text.setOpenLinks(False)
        self.text.anchorClicked.connect(self._follow)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        self.back_button = present(buttons.addButton("Back", _ROLE))
        self.back_button.clicked.connect(self.back)
        layout = QVBoxLayout(self)
        layout.addWidget(self.text, 1)
        layout.addWidget(buttons)
        self.resize(*_SIZE)
        self._before: list[tuple[str, Path | None, int]] = []
        self._show(text, folder)

    def back(self) -> None:
        """Return to the page before, where it was read."""
        text, folder, place = self._before.pop()
        self._show(text, folder)
        present(self.text.verticalScrollBar()).setValue(place)

    def _show(self, text: str, folder: Path | None) -> None:
        self._text, self.text.folder = text, folder
        self.text.setMarkdown(readable(text, folder))
        self._color_links()
        self.back_button.setVisible(bool(self._before))

    def _color_links(self) -> None:
        """Give links a color that is read on the ground of the theme; Qt's own is for white."""
        self.text.ensurePolished()
        dark = self.text.palette().color(QPalette.ColorRole.Text).lightness() > _MIDDLE
        style = QTextCharFormat()
        style.setForeground(QColor(_LINKS[dark]))
        document = present(self.text.document())
        block = document.begin()
        while block.isValid():
            for part in _parts(block):
                if part.charFormat().isAnchor():
                    cursor = QTextCursor(document)
                    cursor.setPosition(part.position())
                    end = part.position() + part.length()
                    cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
                    cursor.mergeCharFormat(style)
            block = block.next()

    def _follow(self, link: QUrl) -> None:
        if link.scheme() in _WEB:
            QDesktopServices.openUrl(link)
            return
        folder = self.text.folder
        path = None if folder is None else (folder / link.path()).resolve()
        if link.path() and path is not None and path.is_file():
            bar = present(self.text.verticalScrollBar())
            self._before.append((self._text, folder, bar.value()))
            self._show(path.read_text(encoding="utf-8"), path.parent)
        if link.fragment():
            self._scroll_to(link.fragment())

    def _scroll_to(self, anchor: str) -> None:
        block = present(self.text.document()).begin()
        while block.isValid():
            if block.blockFormat().headingLevel() and slug(block.text()) == anchor:
                self.text.moveCursor(QTextCursor.MoveOperation.End)
                self.text.setTextCursor(QTextCursor(block))
                return
            block = block.next()


class _Browser(QTextBrowser):
    """Reads pictures from the folder of the page, no wider than there is room."""

    folder: Path | None = None

    def loadResource(self, kind: int, name: QUrl) -> object:
        """Return a picture of the page."""
        path = None if self.folder is None else self.folder / name.path()
        if path is None or not path.is_file():
            return super().loadResource(kind, name)
        picture = QImage(str(path))
        room = max(200, self.width() - _MARGIN, _SIZE[0] - 2 * _MARGIN)
        if picture.width() > room:
            smooth = Qt.TransformationMode.SmoothTransformation
            picture = picture.scaledToWidth(room, smooth)
        return picture


def _parts(block: QTextBlock) -> list[QTextFragment]:
    """Return the runs of text of a block that look alike."""
    found, at = [], block.begin()
    while not at.atEnd():
        found.append(at.fragment())
        at += 1
    return found


def help_button(page: str, title: str, tip: str) -> QPushButton:
    """Return a **?** that opens a page of the docs.

    Parameters
    ----------
    page
        Name of a page in the folder of the docs that comes with the package.
    title
        Title of its window.
    tip
        What the page tells.
    """
    button = small_button("?", tip)
    button.clicked.connect(lambda: open_page(button, page, title))
    return button


def open_page(parent: QWidget, page: str, title: str) -> PageBox:
    """Open a page of the docs in a window of its own."""
    path = pages_folder() / page
    text = path.read_text(encoding="utf-8")
    box = PageBox(title, text, parent.window(), folder=path.parent)
    box.show()
    return box


def readable(text: str, folder: Path | None) -> str:
    """Return a page without comments, and without links to what is not at hand.

    Examples
    --------
    >>> readable("[a](b.md), [c](https://d.org)<!-- e -->", None)
    'a, [c](https://d.org)'
    """

    def kept(match: re.Match[str]) -> str:
        words, target = match.groups()
        path = target.partition("#")[0]
        at_hand = folder is not None and (not path or (folder / path).is_file())
        return match[0] if target.startswith(_WEB) or at_hand else words

    return _LINK.sub(kept, _COMMENT.sub("", text))


def slug(heading: str) -> str:
    """Return the anchor of a heading, as the site has it.

    Examples
    --------
    >>> slug("In short: kNN (spatial LDA)")
    'in-short-knn-spatial-lda'
    """
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())
