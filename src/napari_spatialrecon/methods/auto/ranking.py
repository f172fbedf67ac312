"""The choice by errors on held-out items: genes, pseudo-spots, or genes of a coarser slide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.methods.auto.plan import Candidate, Cost
from napari_spatialrecon.methods.auto.trials import Trial, Trials
from napari_spatialrecon.methods.method import Method

T = TypeVar("T")
M = TypeVar("M", bound=Method)
Errors = NDArray[np.float64]

#: Standard errors by which one must be better than another not to tie with it, and the difference
#: of mean errors above which two do not tie, however noisy.
_CLEAR, _MOST_TIED = 2.0, 0.01


@dataclass(frozen=True)
class Words:
    """How errors are told.

    Parameters
    ----------
    measure
        What is measured on what, for instance "Mean correlation of hidden genes with the truth".
    of
        Value shown, from a mean error.
    """

    measure: str
    of: Callable[[float], float] = float


@dataclass
class Ranking(Trials, Generic[T]):
    """Candidates ranked by their mean error on the same held-out items.

    Parameters
    ----------
    words
        How errors are told.
    first
        The baseline, which is kept where nothing could be compared.
    made
        What each candidate made of the held-out problem, and its errors, (n_items,).
    joined
        The errors of the mean of the best and another, by the number of that trial.
    """

    words: Words = field(default_factory=lambda: Words("Error"))
    first: Sequence[Candidate] = ()
    made: list[tuple[T, Errors]] = field(default_factory=list)
    joined: dict[int, Errors] = field(default_factory=dict)

    def add(self, candidate: Candidate, made: T, errors: Errors, seconds: float) -> None:
        """Add what a candidate made of the held-out problem."""
        self.made.append((made, errors))
        found = {"error": float(errors.mean())}
        if self.tried:
            gain, noise = _difference(self.made[0][1], errors)
            found |= {"gain": gain, "gain_noise": noise}
        self.tried.append(Trial(candidate, found, seconds))

    def leave_out(self, costs: Sequence[Cost], why: str) -> None:
        """Note that all but the baseline cannot be compared."""
        self.first = (costs[0].candidate,)
        self.skipped |= {cost.candidate.title: why for cost in costs[1:]}

    def join(self, mean: Callable[[T, T], T], score: Callable[[T], Errors]) -> None:
        """Measure the means of the best and each other."""
        for other in self._order[1:]:
            best = self.made[self._order[0]][0]
            self.joined[other] = score(mean(best, self.made[other][0]))

    def fitted(self, fit: Callable[[Candidate], M], mean: Callable[[list[M]], M]) -> M:
        """Return the method kept, or the mean of two, with what was tried among its notes."""
        methods = [fit(candidate) for candidate in self.kept]
        method = methods[0] if len(methods) == 1 else mean(methods)
        method.fitted = replace(method.fitted, notes=(*self.notes(), *method.notes))
        return method

    @property
    def _order(self) -> list[int]:
        """Numbers of the trials, the best first; the earlier and simpler one where equal."""
        return sorted(range(len(self.tried)), key=lambda i: float(self.made[i][1].mean()))

    @property
    def kept(self) -> Sequence[Candidate]:
        """The best, two whose mean is clearly better, or the baseline where it ties."""
        if not self.tried:
            return self.first
        order = self._order
        best = self.made[order[0]][1]
        pair = self._pair
        if pair is not None and _is_clear(best, self.joined[pair]):
            return tuple(self.tried[i].candidate for i in (order[0], pair))
        tied = order[0] != 0 and self._ties(order[0], 0)
        return (self.tried[0 if tied else order[0]].candidate,)

    @property
    def _pair(self) -> int | None:
        """Number of the trial whose mean with the best is best; None if nothing was averaged."""
        return min(self.joined, key=lambda i: float(self.joined[i].mean()), default=None)

    def _ties(self, better: int, other: int) -> bool:
        one, two = self.made[other][1], self.made[better][1]
        return float(one.mean() - two.mean()) <= _MOST_TIED and not _is_clear(one, two)

    def choice(self) -> str:
        """Return the ranked errors, and what was kept and why."""
        kept = self.kept
        titles = " and ".join(candidate.title for candidate in kept)
        if len(self.tried) < 2:
            return f"{titles} was kept: no other method was tried."
        order = self._order
        found = ", ".join(
            f"{self.tried[i].title} {self.words.of(float(self.made[i][1].mean())):.3f}"
            for i in order
        )
        said = f"{self.words.measure}: {found}."
        if len(kept) == 2 and self._pair is not None:
            value = self.words.of(float(self.joined[self._pair].mean()))
            return f"{said} The mean of {titles} was kept: with {value:.3f} it is better than each."
        if kept[0] is not self.tried[order[0]].candidate:
            return f"{said} {titles}, the baseline, was kept: the best is not clearly better."
        return f"{said} {titles} was kept."

    def settings(self) -> dict[str, Any]:
        """Return all of it for a record."""
        found = super().settings()
        if (pair := self._pair) is not None:
            names = [self.tried[i].candidate.name for i in (self._order[0], pair)]
            found["mean_of_two"] = {"of": names, "error": float(self.joined[pair].mean())}
        return found


def _difference(worse: Errors, better: Errors) -> tuple[float, float]:
    """Return by how much errors are smaller on average, and the standard error of it."""
    gains = worse - better
    noise = float(gains.std(ddof=1) / np.sqrt(len(gains))) if len(gains) > 1 else float("inf")
    return float(gains.mean()), noise


def _is_clear(worse: Errors, better: Errors) -> bool:
    gain, noise = _difference(worse, better)
    return gain > _CLEAR * noise
