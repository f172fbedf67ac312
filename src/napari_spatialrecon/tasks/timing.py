"""How long a run is expected to take, and how long it took, for the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from napari_spatialrecon import pace
from napari_spatialrecon.durations import Span
from napari_spatialrecon.methods.method import Estimate
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tasks.memory import need_of, require_memory
from napari_spatialrecon.training.device import choose_device


def expected(estimate: Estimate, task: str, method: str, device: str = "auto") -> Span:
    """Return the range in which a run is expected to end on this machine, now."""
    kind = pace.kind_of(task, method, str(choose_device(device)))
    found = pace.span(estimate.seconds, kind)
    most = estimate.most_seconds
    return Span(min(found.low, most), min(found.high, most))


@contextmanager
def timed(
    reporter: Reporter,
    estimate: Estimate,
    task: str,
    method: str,
    device: str = "auto",
    *,
    cost: Callable[[Any], Estimate],
) -> Iterator[None]:
    """Report how long the block is expected to take, and remember how long it took.

    Parameters
    ----------
    cost
        As in `memory.need_of`.

    Raises
    ------
    InputError
        The run may not fit the memory, and was not approved.
    """
    require_memory(need_of(task, method, estimate, cost))
    reporter.expect(expected(estimate, task, method, device))
    kind = pace.kind_of(task, method, str(choose_device(device)))
    alone, start = estimate.seconds * pace.slowness(kind), time.monotonic()
    yield
    pace.remember(kind, alone, time.monotonic() - start)
