"""Work in steps, which may be done at once or over many turns of the event loop."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

Steps = Generator[Callable[[], Any] | None, Any, Any]
"""It yields after each step. A function that it yields is called, and the result sent back to it:
that may be done in another thread, so the function changes nothing that is on screen."""


def at_once(steps: Steps) -> Any:
    """Do all steps one directly after the other; return what they return."""
    given: Any = None
    while True:
        try:
            work = steps.send(given)
        except StopIteration as end:
            return end.value
        given = None if work is None else work()


def nothing() -> Steps:
    """Do nothing; what was done before is drawn meanwhile, where these are steps of turns."""
    yield from ()
