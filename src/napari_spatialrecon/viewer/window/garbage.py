"""Python's search for garbage, during which no thread runs.

What stays for good is left out of it: modules are most of a million objects, and to look through
them takes a quarter of a second. All that is left is looked through while the hands rest, since
that may take a fifth of a second and frees what is large. Python would do so amid any step, and
still does where no event is handled for long. While work runs in another thread, the window's
thread searches, between its events: Python would search in the thread that happens to make an
object, and what Qt made must not be deleted outside of its own.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from qtpy.QtCore import QCoreApplication, QTimer

#: Milliseconds between two searches of the window while work runs elsewhere, and seconds until all
#: is looked through, which takes up to half a second.
SEARCH_MS, ALL_S = 200, 60.0
#: Searches among younger objects after which all is looked through: by the window, by Python.
OLD, OLD_WITHOUT_WINDOW = 10, 1_000
_NAME = "spatialrecon: search for garbage"

_times = 0
_works, _imports, _lock = 0, 0, threading.Lock()
_looked = 0.0


def age() -> int:
    """Return how often what there was has been left out."""
    return _times


def leave_out() -> None:
    """Leave all objects that there are out of later searches; what is made afterwards is not."""
    global _times
    gc.freeze()
    _times += 1


def settle() -> None:
    """Leave out what a program consists of, once it has started; further calls do nothing."""
    global _looked
    if not _times:
        gc.collect()
        leave_out()
        gc.set_threshold(*gc.get_threshold()[:2], OLD_WITHOUT_WINDOW)
        _looked = time.monotonic()


def look_through() -> None:
    """Look through all that is not left out, if Python would have."""
    global _looked
    if _is_due():
        gc.collect()
        _looked = time.monotonic()


def is_overdue() -> bool:
    """Whether all has not been looked through for so long that it cannot wait for hands to rest."""
    return _is_due(2 * ALL_S)


def _is_due(after_s: float = ALL_S) -> bool:
    return gc.get_count()[2] > OLD and time.monotonic() - _looked > after_s


def free(made: int) -> None:
    """Free what is no longer used; of what has been left out only if it may be that.

    Parameters
    ----------
    made
        `age` at which the oldest was made that is to be freed.
    """
    old = made < _times
    if old:
        gc.unfreeze()
    gc.collect()
    if old:
        leave_out()


@contextmanager
def importing() -> Iterator[None]:
    """Leave out modules that are imported meanwhile, and do not search while they are."""
    global _imports
    known, searched = len(sys.modules), gc.isenabled()
    with _lock:
        _imports += 1
    gc.disable()
    try:
        yield
    finally:
        with _lock:
            _imports -= 1
        if len(sys.modules) != known:
            leave_out()
        if searched:
            gc.enable()


def hold() -> None:
    """Search in the window's thread alone, which calls this, until `release` of as many works."""
    global _works
    with _lock:
        _works = max(0, _works) + 1
    gc.disable()
    app = QCoreApplication.instance()
    assert app is not None, "work is started by a window"
    timer = app.findChild(QTimer, _NAME) or _timer(app)
    timer.start(SEARCH_MS)


def held() -> bool:
    """Whether work runs in another thread, for which only the window's thread searches."""
    return _works > 0


@contextmanager
def apart() -> Iterator[None]:
    """Search in a turn after this one, not within: many objects are made that stay."""
    if QCoreApplication.instance() is None:  # there are no turns
        yield
        return
    hold()
    try:
        yield
    finally:
        release()


def _timer(app: QCoreApplication) -> QTimer:
    timer = QTimer(app)
    timer.setObjectName(_NAME)
    timer.timeout.connect(partial(_turn, timer))
    return timer


def release() -> None:
    """Say, in any thread, that a work has ended; the window's then lets Python search again."""
    global _works
    with _lock:
        _works -= 1


def _turn(timer: QTimer) -> None:
    """Search as Python would have done meanwhile, or let it do so again."""
    global _looked
    if _works <= 0:
        timer.stop()
        gc.enable()
        return
    if _imports:
        return
    young, middle, _ = (c > t for c, t in zip(gc.get_count(), gc.get_threshold(), strict=True))
    if _is_due():
        gc.collect()
        _looked = time.monotonic()
    elif middle:
        gc.collect(1)
    elif young:
        gc.collect(0)
