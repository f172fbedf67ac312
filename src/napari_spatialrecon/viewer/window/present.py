"""Qt returns pointers, which PyQt's stubs call optional even where Qt never returns null."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def present(part: T | None) -> T:
    """Return a part that Qt always has, such as the header of a table or the style of a widget.

    Examples
    --------
    >>> present("header")
    'header'
    """
    assert part is not None, "Qt has this part"
    return part
