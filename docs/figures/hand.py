"""A hand at a window: mouse and keys as a person moves them, and the clicks counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QScrollArea,
    QTabBar,
    QWidget,
)
from window import settle, until

from napari_spatialrecon.viewer.window.docks import dock_of

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


class Hand:
    """Clicks, types, drops and draws in the window of a viewer.

    Attributes
    ----------
    clicks
        How often the mouse was pressed.
    """

    def __init__(self, viewer: Any) -> None:
        self.viewer, self.clicks = viewer, 0

    def click(self, widget: QWidget, at: QPoint | None = None) -> None:
        """Click a widget once it is enabled and in sight: its middle, or the mark of a box."""
        until(lambda: widget.isVisible() and widget.isEnabled(), 120)
        self.reveal(widget)
        if at is None and isinstance(widget, QCheckBox):
            at = QPoint(12, widget.height() // 2)
        QTest.mouseClick(widget, LEFT, NONE, at or widget.rect().center())
        self.clicks += 1
        settle(0.2)

    def reveal(self, widget: QWidget) -> None:
        """Scroll to a widget, so that its top is near that of the area."""
        above = widget.parentWidget()
        while above is not None and not isinstance(above, QScrollArea):
            above = above.parentWidget()
        if above is not None:
            settle(0.1)
            shown, top = above.viewport(), widget.mapTo(above.widget(), QPoint()).y()
            at = widget.mapTo(shown, QPoint()).y()
            if at < 0 or at + widget.height() > shown.height():
                above.verticalScrollBar().setValue(top - min(40, shown.height() // 8))
            settle(0.1)

    def raise_dock(self, widget: QWidget) -> None:
        """Click the tab of the dock that holds a widget, where another covers it."""
        dock = dock_of(widget)
        window = self.viewer.window._qt_window
        if dock is None or not window.tabifiedDockWidgets(dock):
            return
        for bar in window.findChildren(QTabBar):
            titles = [bar.tabText(i) for i in range(bar.count())]
            shown = bar.isVisible() and bar.parentWidget() is window  # Qt keeps unused ones
            if shown and dock.windowTitle() in titles:
                number = titles.index(dock.windowTitle())
                if bar.currentIndex() != number:
                    self.click(bar, bar.tabRect(number).center())

    def eye(self, layer: Any) -> None:
        """Click the eye of a layer in napari's list."""
        view = self.viewer.window._qt_viewer.layers
        index = view.model().sourceModel().index(list(self.viewer.layers).index(layer))
        box = view.visualRect(view.model().mapFromSource(index))
        self.click(view.viewport(), QPoint(box.left() + 44, box.center().y()))

    def tab(self, bar: QTabBar, name: str) -> None:
        """Click the tab of this name."""
        number = [bar.tabText(i) for i in range(bar.count())].index(name)
        self.click(bar, bar.tabRect(number).center())

    def choose(self, box: QComboBox, data: object) -> None:
        """Choose an item with the arrow keys."""
        box.setFocus(Qt.FocusReason.TabFocusReason)
        step = box.findData(data) - box.currentIndex()
        for _ in range(abs(step)):
            QTest.keyClick(box, Qt.Key.Key_Down if step > 0 else Qt.Key.Key_Up)
        settle(0.3)

    def write(self, field: QWidget, text: str) -> None:
        """Click a field, type into it, and press Enter."""
        self.click(field)
        QTest.keyClicks(field, text)
        settle(0.3)
        QTest.keyClick(field, Qt.Key.Key_Return)
        settle(0.5)

    def drop(self, widget: QWidget, paths: Sequence[Path]) -> None:
        """Drop files on a widget."""
        mime, at = QMimeData(), widget.rect().center()
        mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        how = (Qt.DropAction.CopyAction, mime, LEFT, NONE)
        QApplication.sendEvent(widget, QDragEnterEvent(at, *how))
        QApplication.sendEvent(widget, QDropEvent(QPointF(at), *how))
        settle(0.2)

    # On the canvas

    @property
    def canvas(self) -> QWidget:
        """What napari draws on."""
        return self.viewer.window._qt_viewer.canvas.native

    def pixel(self, yx: np.ndarray) -> QPoint:
        """Return where on the canvas the (y, x) of the world is."""
        camera = self.viewer.camera
        middle = np.array([self.canvas.height(), self.canvas.width()]) / 2
        y, x = (np.asarray(yx) - np.asarray(camera.center)[-2:]) * camera.zoom + middle
        return QPoint(round(x), round(y))

    def click_world(self, yx: np.ndarray) -> None:
        """Click the canvas where the (y, x) of the world is."""
        self.click(self.canvas, self.pixel(yx))

    def draw(self, outline: np.ndarray) -> None:
        """Draw along (n, 2) places (y, x) of the world with the button held."""
        points = [self.pixel(yx) for yx in outline]
        QTest.mouseMove(self.canvas, points[0])
        QTest.mousePress(self.canvas, LEFT, NONE, points[0])
        for point in points[1:]:
            QTest.mouseMove(self.canvas, point)
            settle(0.02)
        QTest.mouseRelease(self.canvas, LEFT, NONE, points[-1])
        self.clicks += 1
        settle(0.5)


@contextmanager
def answering(path: Path) -> Iterator[None]:
    """Answer the system's dialogs of files with a path."""
    kept = {
        name: getattr(QFileDialog, name) for name in ("getSaveFileName", "getExistingDirectory")
    }
    QFileDialog.getSaveFileName = staticmethod(lambda *_, **__: (str(path), ""))
    QFileDialog.getExistingDirectory = staticmethod(lambda *_, **__: str(path))
    try:
        yield
    finally:
        for name, method in kept.items():
            setattr(QFileDialog, name, method)
