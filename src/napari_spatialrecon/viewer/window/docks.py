"""Docks of ours share one place in napari's window, as tabs, so that none crushes another."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_spatialrecon.viewer.window.worker import Run

RUNS_MS = 500
"""Milliseconds between two looks at whether the runs of a closed dock have ended."""
_OURS = "spatialrecon_dock"
_PLUGIN = " (napari-spatialrecon)"
"""What napari adds to the title of a dock."""


def share_tabs(widget: QWidget) -> None:
    """Have a widget's dock join those of ours when it is first shown, as the front tab.

    A dock that the user later moves elsewhere stays there. Once it is closed, which leaves the
    widget without a parent, the widget is deleted; a run in it ends first, so that it is not lost.
    """
    widget.installEventFilter(_Docked(widget))


def dock_of(widget: QWidget) -> QDockWidget | None:
    """Return the dock that holds a widget; None while none does."""
    above = widget.parentWidget()
    while above is not None and not isinstance(above, QDockWidget):
        above = above.parentWidget()
    return above


def has_joined(widget: QWidget) -> bool:
    """Return whether a widget's dock has taken its place among those of ours."""
    dock = dock_of(widget)
    return dock is not None and bool(dock.property(_OURS))


class _Docked(QObject):
    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self._widget = widget
        self._closed = QTimer(self)
        self._closed.setSingleShot(True)
        self._closed.timeout.connect(self._end)
        self._timer = QTimer(self)  # deleted with the widget
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._join)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Join once napari has finished adding the dock, and end once it has closed it."""
        kind = None if event is None else event.type()
        if kind == QEvent.Type.Show:
            self._timer.start(0)
        elif kind == QEvent.Type.ParentChange:
            self._closed.start(0)
        return False

    def _end(self) -> None:
        widget = self._widget
        if widget.parentWidget() is not None:
            return
        if any(run.running for run in widget.findChildren(Run)):
            self._closed.start(RUNS_MS)
        else:
            widget.deleteLater()

    def _join(self) -> None:
        dock = dock_of(self._widget)
        if dock is None:
            return
        window = dock.parentWidget()
        if not isinstance(window, QMainWindow) or dock.isFloating() or dock.property(_OURS):
            return
        others = [
            other
            for other in window.findChildren(QDockWidget)
            if other is not dock and other.property(_OURS) and not other.isFloating()
            if window.dockWidgetArea(other) != Qt.DockWidgetArea.NoDockWidgetArea  # removed
        ]
        dock.setProperty(_OURS, True)
        dock.setWindowTitle(dock.windowTitle().removesuffix(_PLUGIN))  # on the tab
        shown = [other for other in others if other.isVisible()] or others
        if shown:
            window.tabifyDockWidget(shown[0], dock)
            dock.show()
            dock.raise_()
        window.resizeDocks([dock], [max(dock.width(), 380)], Qt.Orientation.Horizontal)
