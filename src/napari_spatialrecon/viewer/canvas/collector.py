"""Frees the memory of removed layers while nobody waits."""

from __future__ import annotations

import sys
import time
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer
from qtpy.QtGui import QCursor

from napari_spatialrecon.viewer.window import garbage, turns
from napari_spatialrecon.viewer.window.allocator import give_back_if_due

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.utils.events import Event
    from napari.viewer import Viewer

COLLECT_MS = 3_000
"""Milliseconds after a removal, and without movement, until the memory of layers is freed."""
LATE_MS = 60_000
"""The same for layers as old as what has been left out: freeing them takes up to half a second."""
WORK_S = 60.0
"""Seconds that removed layers wait at most for work and steps, which freeing them slows."""
LONG_S = 600.0
"""The same for old layers; and after so long a short rest of the hands is enough to free them."""


class Collector(QObject):
    """Lets a window free the memory of its removed layers once the hands rest.

    Parameters
    ----------
    viewer
        With a window.
    parent
        Deleting it deletes this too.
    """

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        garbage.settle()
        self._made: weakref.WeakKeyDictionary[Layer, int] = weakref.WeakKeyDictionary()
        self._removed: list[int] = []  # ages
        self._since = 0.0
        self._cursor = QCursor.pos()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._free)
        self._resting = QTimer(self)
        self._resting.timeout.connect(self._look)
        self._resting.start(COLLECT_MS)
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)
        canvas = viewer.window._qt_viewer.canvas
        clean = getattr(canvas, "_clean_and_update_scenegraph", None)  # of napari 0.9.2
        if clean is not None and sys.platform != "win32":  # whose drivers need it at once
            self._clean: Callable[[], None] = clean
            self._napari: Any = sys.modules[type(canvas).__module__]
            setattr(canvas, "_clean_and_update_scenegraph", self._clean_later)  # noqa: B010  mypy

    @property
    def waiting(self) -> bool:
        """Whether there is memory to free."""
        return self._timer.isActive()

    def wait(self) -> None:
        """Wait longer, since a hand moves."""
        if not garbage.is_overdue():
            self._resting.start()
        if self.waiting:
            self._start()

    @property
    def _old(self) -> bool:
        """Whether to free them takes a search through all objects, modules among them."""
        return min(self._removed, default=garbage.age()) < garbage.age()

    def _start(self) -> None:
        late = self._old and time.monotonic() - self._since < LONG_S
        self._timer.start(LATE_MS if late else COLLECT_MS)

    def _on_inserted(self, event: Event) -> None:
        self._made.setdefault(event.value, garbage.age())

    def _on_removed(self, event: Event) -> None:
        if not self._removed:
            self._since, self._cursor = time.monotonic(), QCursor.pos()
        self._removed.append(self._made.get(event.value, 0))
        self._start()

    def _free(self) -> None:
        old, moved = self._old, self._cursor_moved()
        busy = _is_busy() and time.monotonic() - self._since < (LONG_S if old else WORK_S)
        if busy or (old and moved):
            self._start()
            return
        garbage.free(min(self._removed, default=garbage.age()))
        self._removed.clear()

    def _cursor_moved(self) -> bool:
        """Whether the mouse is elsewhere than when this was asked before, in the dock too."""
        before, self._cursor = self._cursor, QCursor.pos()
        return self._cursor != before

    def _look(self) -> None:
        if not _is_busy():
            garbage.look_through()
            give_back_if_due()

    def _clean_later(self) -> None:
        """Draw without the layers just removed; their memory is freed later.

        napari looks through all objects of the process for each layer that is removed.
        """
        searches = self._napari.gc
        self._napari.gc = SimpleNamespace(collect=lambda *_: 0)
        try:
            self._clean()
        finally:
            self._napari.gc = searches


def _is_busy() -> bool:
    """Whether work runs in another thread, or steps of this one are left to do."""
    return garbage.held() or turns.are_running()
