"""Work in another thread that makes way for the window."""

from __future__ import annotations

import time
from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer

_EVERY_MS = 10
_LATE_S = 0.03
"""The window is at work when it has not ticked for so long."""
_PATIENCE_S = 0.25
"""How long one busy turn of the window is waited for; what holds it up longer is not a frame."""
_NAP_S = 0.004


class Pulse(QObject):
    """Ticks in the window's thread, so that another one hears whether the window is at work.

    Work that can wait rests while a frame is drawn: each call of OpenGL lets go of Python's lock
    and takes it again, for which the work would have to be waited.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._last = self._waited = time.monotonic()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._tick)
        self._timer.start(_EVERY_MS)

    def make_way(self, should_stop: Callable[[], bool]) -> bool:
        """Wait until the window answers, at most once for each turn of it; return `should_stop()`.

        For the other thread, between two blocks of its work.
        """
        began, last = time.monotonic(), self._last
        late = last != self._waited and began - last > _LATE_S
        while late and self._last == last and time.monotonic() - began < _PATIENCE_S:
            if should_stop():
                return True
            time.sleep(_NAP_S)
        if late:
            self._waited = last
        return should_stop()

    def _tick(self) -> None:
        self._last = time.monotonic()
