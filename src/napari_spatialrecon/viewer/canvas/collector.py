"""Frees the memory of removed layers while nobody waits."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, QTimer

COLLECT_MS = 3_000
"""Milliseconds after a removal, and without movement, until the memory of layers is freed."""


class Collector(QObject):
    """Lets a canvas free the memory of its removed layers once the hands rest.

    Parameters
    ----------
    canvas
        Of a viewer.
    parent
        Deleting it deletes this too.
    """

    def __init__(self, canvas: Any, parent: QObject) -> None:
        super().__init__(parent)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(COLLECT_MS)
        self._timer.timeout.connect(gc.collect)
        clean = getattr(canvas, "_clean_and_update_scenegraph", None)  # of napari 0.9.2
        if clean is not None and sys.platform != "win32":  # whose drivers need it at once
            self._clean: Callable[[], None] = clean
            canvas._clean_and_update_scenegraph = self._clean_later

    @property
    def waiting(self) -> bool:
        """Whether there is memory to free."""
        return self._timer.isActive()

    def wait(self) -> None:
        """Wait longer, since a hand moves."""
        if self.waiting:
            self._timer.start()

    def _clean_later(self) -> None:
        """Draw without the layers just removed, and free their memory once the hands rest.

        napari looks through all objects of the process for each layer that is removed.
        """
        gc.freeze()
        try:
            self._clean()
        finally:
            gc.unfreeze()
        self._timer.start()
