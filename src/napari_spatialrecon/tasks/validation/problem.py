"""What a validation needs of a task: held-out truth, and how far a method is from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_spatialrecon.evaluation.intervals import Statistic
from napari_spatialrecon.methods.auto.plan import Candidate
from napari_spatialrecon.methods.method import Estimate, Method
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tasks.measures import Measure

#: Most blocks, and fewest held-out items in one.
_BLOCKS, _ITEMS = 20, 4


@dataclass(frozen=True, eq=False)
class Answer:
    """What a method made of what was held out, as far as it is judged.

    Parameters
    ----------
    items : (n_items,) float
        The first measure of each item.
    statistics
        One for each measure; None where it says nothing of this method.
    kept
        The method that a choosing method kept.
    chooser
        That choosing method.
    notes
        Messages of the fit.
    """

    items: NDArray[np.float64]
    statistics: tuple[Statistic | None, ...]
    kept: Method | None = None
    chooser: Any = None
    notes: tuple[str, ...] = ()


class Problem(ABC):
    """Held-out truth of one task.

    Attributes
    ----------
    task
        Name, as on the command line.
    kind
        What is held out: ``"spots"``, ``"section"``, ``"cells"``, ``"genes"``,
        ``"pseudo-spots"`` or ``"coarser"``.
    held_out
        The same in words, with numbers: "45 spots of C3, a quarter drawn at random".
    measures
        How far an answer is from the truth; the first is also known of each item.
    n_blocks
        Blocks of items that are drawn together.
    items
        One row for each held-out item: ``name``, ``block``, and ``x`` and ``y`` in µm where known.
    inputs
        Fingerprint of each input.
    cautions
        What to bear in mind.
    warnings
        What speaks against the slides before anything is run: no pattern in space.
    """

    task: str
    kind: str
    held_out: str
    measures: tuple[Measure, ...]
    n_blocks: int
    items: pd.DataFrame
    inputs: Mapping[str, str]
    cautions: Sequence[str]
    warnings: Sequence[str] = ()

    def begin(self, reporter: Reporter) -> None:  # noqa: B027 - most have nothing to make
        """Make what takes time to make; `held_out`, `n_blocks` and `items` are known after it."""

    @abstractmethod
    def estimate(self, candidate: Candidate) -> Estimate:
        """Return the cost of answering by a method."""

    @abstractmethod
    def answer(self, candidate: Candidate, run: Run) -> Answer:
        """Run a method on what is not held out, and return its answer."""

    def trivial(self) -> tuple[str, Answer] | None:
        """Return what can be said without any method, by its name; None if a baseline does."""
        return None


def block_count(n: int) -> int:
    """Return the number of blocks for so many items.

    Examples
    --------
    >>> block_count(1000), block_count(40), block_count(5)
    (20, 10, 2)
    """
    return max(2, min(_BLOCKS, n // _ITEMS))


def rough(n_items: int, n_blocks: int) -> tuple[str, ...]:
    """Return a caution where too little is held out for an interval to be exact."""
    if n_blocks >= _BLOCKS // 2:
        return ()
    return (
        f"Only {n_items} were held out, in {n_blocks} blocks: the interval is rough and, "
        "for it, wide.",
    )
