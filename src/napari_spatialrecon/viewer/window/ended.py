"""What is done once Qt has deleted a widget, also where Python is just collecting it."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from qtpy.QtCore import QObject

_collecting = False


def _note(phase: str, info: dict[str, int]) -> None:
    global _collecting
    _collecting = phase == "start"


gc.callbacks.append(_note)


def when_destroyed(of: QObject, act: Callable[..., object], *about: Any) -> None:
    """Call ``act(*about)`` once `of` has been deleted.

    A `functools.partial` that is connected to `QObject.destroyed` ends Python where a window, its
    widgets and the partial are garbage together: the collector empties the partial, deletes the
    window, and Qt calls what is empty. What is emptied in that way is left undone here.
    """
    of.destroyed.connect(_Ended(act, about))


class _Ended:
    __slots__ = ("__weakref__", "_about", "_act")

    def __init__(self, act: Callable[..., object], about: tuple[Any, ...]) -> None:
        self._act, self._about = act, about

    def __call__(self, *_: object) -> None:
        if not _collecting:
            self._act(*self._about)
            return
        with suppress(Exception):  # of parts that have been emptied
            self._act(*self._about)
