from __future__ import annotations

import threading
import weakref

import pytest

pytest.importorskip("qtpy")

from faults.monkey.watch import _where


class Painter:
    """What a function has until it returns."""


def test_where_a_thread_is_says_so_and_holds_nothing_that_its_functions_have() -> None:
    had: list[weakref.ref[Painter]] = []
    found: list[str] = []
    main = threading.get_ident()

    def paint() -> None:
        painter = Painter()
        had.append(weakref.ref(painter))
        other = threading.Thread(target=lambda: found.append(_where(main)))
        other.start()
        other.join()

    paint()
    assert "in paint" in found[0] and "test_where_a_thread_is" in found[0]
    assert had[0]() is None
