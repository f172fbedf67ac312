"""Memory that a run is expected to take, beside what is free, before it starts.

A run that may not fit is neither started in silence nor forbidden: the window and a terminal ask,
a command that nobody watches is refused, and Python warns. Each names a smaller way, if one fits.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import argument, spoken
from napari_spatialrecon.machine import amount, free_memory
from napari_spatialrecon.methods.method import Estimate
from napari_spatialrecon.methods.registry import methods_for

#: Argument that starts a run which may not fit, where the face has one.
ANYWAY = "over_memory"


@dataclass(frozen=True)
class Need:
    """What a run is expected to take, what is free, and a smaller way.

    Parameters
    ----------
    needed, free
        Bytes of memory.
    smaller
        Name of a method of the task that fits; empty if none does, or if the run itself does.
    smaller_needs
        Bytes that it is expected to take.
    """

    needed: float
    free: float
    smaller: str = ""
    smaller_needs: float = 0.0

    @property
    def is_short(self) -> bool:
        """Whether the run may not fit."""
        return self.needed > self.free

    @property
    def words(self) -> str:
        """Both amounts, in words."""
        return f"about {amount(self.needed)} of memory expected, {amount(self.free)} free"

    @property
    def doubt(self) -> str:
        """Both amounts, as a sentence about a run that may not fit."""
        return f"This run may not fit: {self.words}."

    @property
    def way(self) -> str:
        """What fits instead, in the words of the face that is read."""
        if not self.smaller:
            return "fewer cells, spots or genes"
        needs = amount(self.smaller_needs)
        return f"{argument('method', self.smaller)}, which takes about {needs}"

    @property
    def offer(self) -> str:
        """What fits instead, as a sentence."""
        return f"Try {self.way}."

    def refusal(self) -> InputError:
        """Return the error of a run that nobody can be asked about."""
        return InputError(
            f"Expected about {amount(self.needed)} of free memory for this run, "
            f"found {amount(self.free)}.",
            remedy=f"Try {self.way}, or {argument(ANYWAY, True)} to run all the same.",
        )


def need_of(task: str, method: str, estimate: Estimate, cost: Callable[[Any], Estimate]) -> Need:
    """Return what a run needs, with a smaller way if that is more than is free.

    Parameters
    ----------
    task, method
        Names, as `registry.find_method` takes them.
    estimate
        Of the run.
    cost
        Returns the estimate of the same run by another method, of the quick preset.
    """
    needed, free = estimate.memory_bytes, free_memory()
    if needed <= free:
        return Need(needed, free)
    for info in methods_for(task):
        if info.selects or info.name == method:
            continue
        try:
            other = cost(info.method()()).memory_bytes
        except InputError:  # it does not fit either
            continue
        if other <= free:
            return Need(needed, free, info.name, other)
    return Need(needed, free)


def _warn(need: Need) -> None:
    warnings.warn(f"{need.doubt} {spoken(need.offer)}", stacklevel=2)


_approve: ContextVar[Callable[[Need], None]] = ContextVar("approve", default=_warn)


@contextmanager
def approving(approve: Callable[[Need], None]) -> Iterator[None]:
    """Let `approve` decide, within the block, about runs that may not fit: it returns or raises."""
    token = _approve.set(approve)
    try:
        yield
    finally:
        _approve.reset(token)


def require_memory(need: Need) -> None:
    """Have a run that may not fit approved.

    Raises
    ------
    InputError
        It was not.
    """
    if need.is_short:
        _approve.get()(need)
