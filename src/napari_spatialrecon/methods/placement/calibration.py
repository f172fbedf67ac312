"""From the spread of a cell's likely spots to an expected error and a 90% radius, in length.

The raw spread of a cell is the root mean square distance of the method's place from the cell's
likely spots. It ranks cells, but is no length: how far off cells lie that have it is measured on
held-out spots (`rehearsal`), which are made as unlike the slides as the cells are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.methods.placement.posterior import Posterior

#: Number of likenesses at which errors are measured, shuffled spots among them.
LEVELS = 7
#: Minimum number of held-out spots: with fewer, the 90% radius would rest on one or two of them.
LEAST = 30
#: Shares of cells that lie within the expected error and within the radius.
HALF, MOST = 0.5, 0.9
#: Powers of the spread that are tried: with 0 all cells get the same.
POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)
#: By how much another power has to beat 0, as a share of the loss, for the spread to count.
_CLEARLY = 0.01
#: Draws of spots for the noise of a ratio of medians, and how sure it is that a radius is enough.
_DRAWS, _SURE = 200, 0.8
#: Smallest spread and factor, in radii of the tissue.
_FLOOR = 1e-3

Values = NDArray[np.float64]


def raw_spread(places: Values, posterior: Posterior) -> Values:
    """Return the root mean square distance of places, (n, 2), from the cells' likely spots."""
    off = ((places - posterior.places) ** 2).sum(axis=1)
    spread: Values = np.sqrt(posterior.variance + off + _FLOOR**2)
    return spread


@dataclass(frozen=True)
class Measured:
    """Held-out spots of one likeness to the slides.

    Parameters
    ----------
    share
        Share of the genes' values that were exchanged between spots.
    resemblance
        Likeness to the slides, as in `Domain`.
    spread, errors : (n_spots,) float
        Raw spread and true error, in radii of the tissue.
    baseline : (n_spots,) float, optional
        True error of the baseline's places of the same spots.
    every : (n_every,) float, optional
        True error of the baseline's places of these spots and of others.
    """

    share: float
    resemblance: float
    spread: Values
    errors: Values
    baseline: Values | None = None
    every: Values | None = None

    @property
    def all_(self) -> Values:
        """The baseline's errors of all spots that are known."""
        found = self.every if self.every is not None else self.baseline
        assert found is not None
        return found


@dataclass(frozen=True)
class Stated:
    """What is stated of cells.

    Parameters
    ----------
    expected, radius : (n_cells,) float
        Half of the cells lie within the first of their true places, at least nine in ten within the
        second.
    share
        Share of the genes' values that were exchanged between the held-out spots they rest on.
    held, spots
        Share of these spots within the radius that the others give, and their number.
    kind
        What was held out: "spots" or "landmarks".
    """

    expected: Values
    radius: Values
    share: float
    held: float
    spots: int
    kind: str = "spots"

    def to(self, unit: float) -> Stated:
        """Return it in another unit, of which the present one has so many."""
        return replace(self, expected=self.expected * unit, radius=self.radius * unit)

    @property
    def note(self) -> str:
        """What it rests on."""
        unlike = (
            f", which were made as unlike the slides as the cells are ({self.share:.0%} of their "
            "genes' values exchanged)"
            if self.share >= 0.01
            else ""
        )
        return (
            f"Expected errors and 90% radii are calibrated on {self.spots:,} held-out "
            f"{self.kind}{unlike}."
        )


@dataclass(frozen=True)
class Calibration:
    """Errors of held-out spots that were made less and less like the slides.

    Parameters
    ----------
    power
        Power of the raw spread that errors follow; 0 if it tells nothing.
    shares, resemblance
        Of each level, see `Measured`.
    half, most
        Of each level, the factors of ``spread ** power`` within which half, and nine in ten, of
        the spots lie, in radii of the tissue.
    held
        Of each level, the share of spots within the radius that the others give.
    spots
        Number of held-out spots.
    spreads
        Of each level, the median raw spread; empty in models saved earlier.
    """

    power: float
    shares: tuple[float, ...]
    resemblance: tuple[float, ...]
    half: tuple[float, ...]
    most: tuple[float, ...]
    held: tuple[float, ...]
    spots: int
    spreads: tuple[float, ...] = ()

    @classmethod
    def fit(cls, levels: Sequence[Measured], *, further: float = 1.0) -> Self | None:
        """Return the calibration of spots that are less alike from level to level.

        None with fewer than `LEAST` spots.

        Parameters
        ----------
        levels
            The same spots in each.
        further
            By what factor cells lie further off than such spots do.
        """
        spots = min(len(level.errors) for level in levels)
        if spots < LEAST:
            return None
        power = _power(levels)
        ratios = [level.errors / level.spread**power for level in levels]
        found = [_quantiles(ratio) for ratio in ratios]
        typical = [further * factor for factor in _typical(levels)]
        return cls(
            power,
            tuple(level.share for level in levels),
            _rising([-level.resemblance for level in levels], sign=-1),
            _rising([t * half for t, (half, _, _) in zip(typical, found, strict=True)]),
            _rising([most for _, most, _ in found]),
            tuple(held for _, _, held in found),
            spots,
            tuple(float(np.median(level.spread)) for level in levels),
        )

    def stated(self, spread: Values, resemblance: float) -> Stated | None:
        """Return what is stated of cells with these raw spreads, in radii of the tissue.

        The spread of one spot is noisy, so that errors follow less than its first power; the median
        of many is not. Where it tells anything, cells whose median spread is larger than that of
        spots as alike as they are get errors that are larger in proportion.

        None if the cells are less alike than any spots that were measured, or if that is unknown.
        """
        if not resemblance >= self.resemblance[-1]:
            return None
        alike, first = np.unique(self.resemblance, return_index=True)

        def at(values: Sequence[float]) -> float:
            return float(np.interp(resemblance, alike, np.asarray(values, float)[first]))

        scale = spread**self.power
        if self.power and self.spreads:
            scale = scale * (np.median(spread) / at(self.spreads)) ** (1 - self.power)
        return Stated(
            expected=at(self.half) * scale,
            radius=at(self.most) * scale,
            share=at(self.shares),
            held=at(self.held),
            spots=self.spots,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any] | None) -> Self | None:
        """Return what `to_dict` described; None of models that have none."""
        if values is None:
            return None
        found: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in values.items()
        }
        return cls(**found)


def _typical(levels: Sequence[Measured]) -> list[float]:
    """Return by what factor the median error of each level's spots is stated.

    Few spots say little of how hard spots are: the baseline's median error of all of them counts,
    times how much larger a method's is than the baseline's on the same spots. The logarithm of that
    follows a line from level to level, and is shrunk towards 0 by its noise (James and Stein,
    positive part): a difference that chance explains is not stated, one far beyond it is. An
    advantage over the baseline is never stated: on spots, which are sums of several cells, methods
    have had advantages that they did not have on cells.
    """
    if levels[0].baseline is None:
        return [1.0] * len(levels)
    steps = np.vander(np.arange(len(levels)), min(2, len(levels)))
    line = steps @ np.linalg.pinv(steps)
    spots = len(levels[0].errors)
    rows = np.random.default_rng(0).integers(0, spots, (_DRAWS, spots))
    rows = np.concatenate([np.arange(spots)[None], rows])
    ratio, *draws = np.array([_ratio(level, rows) for level in levels]).T @ line
    kept = np.maximum(0.0, 1 - np.var(draws, axis=0) / np.maximum(ratio, _FLOOR) ** 2)
    return [
        float(np.exp(more)) * _median(level.all_) / _median(level.errors)
        for more, level in zip(kept * np.maximum(ratio, 0.0), levels, strict=True)
    ]


def _ratio(level: Measured, rows: NDArray[np.intp]) -> Values:
    """Return the logarithm of the median errors' ratio, method to baseline, of draws of spots."""
    assert level.baseline is not None
    own, other = (
        np.log(np.maximum(np.median(errors[rows], axis=1), _FLOOR))
        for errors in (level.errors, level.baseline)
    )
    ratio: Values = own - other
    return ratio


def _median(errors: Values) -> float:
    return max(float(np.median(errors)), _FLOOR)


def _power(levels: Sequence[Measured]) -> float:
    """Return the power of the spread that errors follow best: 0 unless another clearly does."""
    losses = {
        power: sum(_loss(level.errors, level.spread**power) for level in levels) for power in POWERS
    }
    best = min(POWERS, key=lambda power: losses[power])
    return best if losses[best] < (1 - _CLEARLY) * losses[0.0] else 0.0


def _loss(errors: Values, scale: Values) -> float:
    """Return the pinball losses of both quantiles, if they are proportional to `scale`."""
    total = 0.0
    for share in (HALF, MOST):
        above = errors - np.quantile(errors / scale, share) * scale
        total += float(np.maximum(share * above, (share - 1) * above).mean())
    return total


def _quantiles(ratio: Values) -> tuple[float, float, float]:
    """Return the median, a quantile for the radius, and the share that lies within it left out.

    The quantile is an upper limit of the 90% quantile, exceeded by it in one of five samples of
    so many spots: the fewer they are, the further it lies above the 90% quantile of the sample.
    """
    from scipy.stats import binom

    n, order = len(ratio), np.sort(ratio)
    rank, others = (min(int(binom.ppf(_SURE, m, MOST)) + 1, m) for m in (n, n - 1))
    within = np.searchsorted(order, ratio, side="left") < others
    return float(np.median(ratio)), float(order[rank - 1]), float(within.mean())


def _rising(values: Sequence[float], sign: float = 1.0) -> tuple[float, ...]:
    """Return the nearest values that never fall, times `sign`."""
    from sklearn.isotonic import IsotonicRegression

    order = np.arange(len(values))
    fitted = sign * IsotonicRegression().fit_transform(order, np.asarray(values, float))
    return tuple(float(value) for value in fitted)
