"""How a monkey handles a window: a hand that never waits, and answers whatever is asked."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from hand import LEFT, NONE, Hand
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtGui import QColor
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractButton,
    QApplication,
    QColorDialog,
    QDialog,
    QFileDialog,
    QInputDialog,
    QMenu,
    QWidget,
)
from window import settle

KEYS = (Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_Return, Qt.Key.Key_Escape, Qt.Key.Key_Tab)


class Paw(Hand):
    """Presses what can be pressed, and passes by what cannot."""

    rng: random.Random

    def can(self, widget: QWidget | None) -> bool:
        """Return whether a hand could press a widget now."""
        if widget is None or not widget.isEnabled() or not widget.isVisible():
            return False
        modal = QApplication.activeModalWidget()
        return modal is None or modal.isAncestorOf(widget)

    def press(self, widget: QWidget | None, at: QPoint | None = None) -> bool:
        """Press a widget; what opens and waits for an answer gets one."""
        if widget is None or not self.can(widget):
            return False
        self.reveal(widget)
        answer = QTimer()
        answer.timeout.connect(self.answer_menu)
        answer.start(300)
        try:
            QTest.mouseClick(widget, LEFT, NONE, at or self._mark(widget))
        finally:
            answer.stop()
        self.clicks += 1
        settle(0.1)
        return True

    @staticmethod
    def _mark(widget: QWidget) -> QPoint:
        box = isinstance(widget, QAbstractButton) and widget.isCheckable()
        wide = box and widget.metaObject().className().endswith("CheckBox")
        return QPoint(10, widget.height() // 2) if wide else widget.rect().center()

    def answer_menu(self) -> None:
        """Choose something of a menu that is open, or leave it."""
        menu = QApplication.activePopupWidget()
        if menu is None:
            return
        for _ in range(self.rng.randrange(1, 6)):
            QTest.keyClick(menu, Qt.Key.Key_Down)
        leave = self.rng.random() < 0.2
        QTest.keyClick(menu, Qt.Key.Key_Escape if leave else Qt.Key.Key_Return)
        if QApplication.activePopupWidget() is menu and isinstance(menu, QMenu):
            menu.close()

    def key(self, key: Any, to: QWidget | None = None, held: Any = NONE) -> None:
        """Press a key, in the widget that has the focus unless another is named."""
        answer = QTimer()
        answer.timeout.connect(self.answer_menu)
        answer.start(300)
        with suppress(RuntimeError):  # the widget went with what the key did
            QTest.keyClick(to or QApplication.focusWidget() or self.canvas, key, held)
        answer.stop()
        settle(0.05)

    def answer_dialogs(self) -> list[str]:
        """Answer the dialogs that are open by one of their buttons, or close them."""
        answered = []
        for _ in range(4):
            open_now = [
                w
                for w in QApplication.topLevelWidgets()
                if isinstance(w, QDialog) and w.isVisible()
            ]
            if not open_now:
                break
            dialog = open_now[-1]
            answered.append(type(dialog).__name__)
            buttons = [
                b
                for b in dialog.findChildren(QAbstractButton)
                if b.text() and self.can(b) and b.window() is dialog
            ]
            if buttons and self.rng.random() < 0.6:
                self.press(self.rng.choice(buttons))
            with suppress(RuntimeError):
                if dialog.isVisible() and self.rng.random() < 0.8:
                    dialog.reject()
            settle(0.1)
        return answered


def answer_the_system(where: Callable[[], Path], files: Callable[[], list[Path]]) -> None:
    """Answer dialogs of the system in its place: nothing could be drawn, nor pressed.

    Parameters
    ----------
    where
        Called for the name of a file to write.
    files
        Called for files to open.
    """
    from qtpy.QtGui import QDesktopServices

    dialog: Any = QFileDialog
    dialog.getSaveFileName = staticmethod(lambda *_, **__: (str(where()), ""))
    dialog.getOpenFileNames = staticmethod(lambda *_, **__: ([str(f) for f in files()], ""))
    dialog.getOpenFileName = staticmethod(lambda *_, **__: (str(next(iter(files()), "")), ""))
    dialog.getExistingDirectory = staticmethod(lambda *_, **__: str(next(iter(files()), "")))
    colors: Any = QColorDialog
    colors.getColor = staticmethod(lambda *_, **__: QColor("#c06020"))
    asking: Any = QInputDialog
    asking.getItem = staticmethod(lambda _, __, ___, items, *more, **kw: (items[0], True))
    services: Any = QDesktopServices
    services.openUrl = staticmethod(lambda *_: True)
