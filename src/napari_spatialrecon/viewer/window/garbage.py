"""Python's search for garbage, during which no thread runs: what stays for good is left out of it.

Modules are most of a million objects. To look through them takes a quarter of a second.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_times = 0


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
    if not _times:
        gc.collect()
        leave_out()


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
    known = len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) != known:
            leave_out()
        gc.enable()
