"""The choice by errors on held-out items: genes, pseudo-spots, or genes of a coarser slide."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
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
#: Weight of each trial in a mean of what they made; they sum to 1.
Weights = tuple[float, ...]

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
    margin
        Standard errors by which a mean of several must be better than the best of them to be kept.
    made
        What each candidate made of the held-out problem, and its errors, (n_items,).
    means
        The errors of means of what several made, by their weights.
    """

    words: Words = field(default_factory=lambda: Words("Error"))
    first: Sequence[Candidate] = ()
    margin: float = _CLEAR
    made: list[tuple[T, Errors]] = field(default_factory=list)
    means: dict[Weights, Errors] = field(default_factory=dict)

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

    def average(
        self,
        weightings: Iterable[Weights],
        mean: Callable[[Sequence[tuple[float, T]]], T],
        score: Callable[[T], Errors],
    ) -> None:
        """Measure weighted means of what was made; `mean` gets those of weight above 0."""
        for weights in weightings:
            parts = [(w, made) for w, (made, _) in zip(weights, self.made, strict=True) if w]
            self.means[weights] = score(mean(parts))

    def pairs(self) -> list[Weights]:
        """Return the weights of the plain mean of the best and each other."""
        n, (best, *others) = len(self.tried), self._order
        return [tuple(0.5 if i in (best, other) else 0.0 for i in range(n)) for other in others]

    def quarters(self) -> list[Weights]:
        """Return all weights in quarters of two trials and more."""
        n = len(self.tried)
        return [
            tuple(part / 4 for part in parts)
            for parts in itertools.product(range(4), repeat=n)
            if sum(parts) == 4
        ]

    def fitted(self, fit: Callable[[Candidate], M], mean: Callable[[list[M]], M]) -> M:
        """Return the method kept, or their mean, with what was tried among its notes."""
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
        """The best, those whose mean is better, or the baseline where it ties."""
        if not self.tried:
            return self.first
        if self.weights is not None:
            return tuple(t.candidate for t, w in zip(self.tried, self.weights, strict=True) if w)
        best = self._order[0]
        return (self.tried[0 if best and self._ties(best, 0) else best].candidate,)

    @property
    def weights(self) -> Weights | None:
        """The weight of each trial where a mean is kept; None where a single one is."""
        found = self._best_mean
        if found is None:
            return None
        best = self.made[self._order[0]][1]
        return found if _is_clear(best, self.means[found], self.margin) else None

    @property
    def _best_mean(self) -> Weights | None:
        """The weights of the best mean; None if nothing was averaged."""
        return min(self.means, key=lambda w: float(self.means[w].mean()), default=None)

    def _ties(self, better: int, other: int) -> bool:
        one, two = self.made[other][1], self.made[better][1]
        return float(one.mean() - two.mean()) <= _MOST_TIED and not _is_clear(one, two)

    def choice(self) -> str:
        """Return the ranked errors, and what was kept and why."""
        kept = self.kept
        if len(self.tried) < 2:
            return f"{kept[0].title} was kept: no other method was tried."
        order = self._order
        found = ", ".join(
            f"{self.tried[i].title} {self.words.of(float(self.made[i][1].mean())):.3f}"
            for i in order
        )
        said = f"{self.words.measure}: {found}."
        if self.weights is not None:
            value = self.words.of(float(self.means[self.weights].mean()))
            return f"{said} {self._named_mean()} was kept: with {value:.3f} it is better than each."
        if kept[0] is not self.tried[order[0]].candidate:
            return (
                f"{said} {kept[0].title}, the baseline, was kept: the best is not clearly better."
            )
        return f"{said} {kept[0].title} was kept."

    def _named_mean(self) -> str:
        """Return the mean that was kept, in words, with its weights unless they are equal."""
        parts = [w for w in self.weights or () if w]
        titles = [candidate.title for candidate in self.kept]
        if len(set(parts)) > 1:
            titles = [f"{title} ({w:.0%})" for title, w in zip(titles, parts, strict=True)]
        return f"The mean of {', '.join(titles[:-1])} and {titles[-1]}"

    def settings(self) -> dict[str, Any]:
        """Return all of it for a record."""
        found = super().settings()
        if (mean := self._best_mean) is not None:
            weights = {t.candidate.name: w for t, w in zip(self.tried, mean, strict=True) if w}
            found["mean"] = {"weights": weights, "error": float(self.means[mean].mean())}
        return found


def _difference(worse: Errors, better: Errors) -> tuple[float, float]:
    """Return by how much errors are smaller on average, and the standard error of it."""
    gains = worse - better
    noise = float(gains.std(ddof=1) / np.sqrt(len(gains))) if len(gains) > 1 else float("inf")
    return float(gains.mean()), noise


def _is_clear(worse: Errors, better: Errors, margin: float = _CLEAR) -> bool:
    gain, noise = _difference(worse, better)
    return gain > (margin * noise if margin else 0.0)
