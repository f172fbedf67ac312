"""How well landmark pairs agree with a map: residuals, leave-one-out errors, outliers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.maps.transforms import (
    LEAST_PAIRS,
    SPLINE,
    Transform,
    fit_transform,
    residuals,
)

#: Probability that an outlier is reported in a set of good pairs.
_FALSE_ALARM = 0.01
#: Free parameters of each model.
_PARAMETERS = {"similarity": 4, "affine": 6, "projective": 8, SPLINE: 6}


@dataclass(frozen=True, eq=False)
class Fit:
    """A map fitted to landmark pairs, and how well the pairs agree with it.

    Parameters
    ----------
    transform
        From source to target.
    residuals : (k,) float
        Distance of each moved landmark to its partner, in the target's unit.
    left_out : (k,) float
        The same for a map fitted without that pair: would the others have predicted it? NaN if too
        few others remain.
    outlier
        Index of the pair that disagrees most with the others, or None.
    """

    transform: Transform
    residuals: np.ndarray
    left_out: np.ndarray
    outlier: int | None

    @property
    def rmse(self) -> float:
        """Root mean square of the residuals."""
        return float(np.sqrt((self.residuals**2).mean()))

    @property
    def left_out_rmse(self) -> float:
        """Root mean square of the leave-one-out errors; NaN if they are unknown."""
        return float(np.sqrt((self.left_out**2).mean()))


def fit_pairs(
    source: np.ndarray,
    target: np.ndarray,
    model: str = "similarity",
    *,
    reflection: bool = True,
    smoothing: float = 0.0,
) -> Fit:
    """Fit a map to pairs and measure the agreement; parameters and errors as in `fit_transform`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> source = rng.uniform(0, 100, (8, 2))
    >>> target = source + rng.normal(size=(8, 2))
    >>> target[5] += 40
    >>> fit_pairs(source, target).outlier
    5
    """
    source, target = np.asarray(source, float), np.asarray(target, float)
    transform = fit_transform(source, target, model, reflection=reflection, smoothing=smoothing)
    k = len(source)
    left_out = np.full(k, np.nan)
    surprise = np.zeros(k)
    # A spline follows an outlier, so outliers are detected with the affine map.
    judge = "affine" if model == SPLINE else model
    for i in range(k):
        others = np.arange(k) != i
        try:
            without = fit_transform(
                source[others], target[others], model, reflection=reflection, smoothing=smoothing
            )
            left_out[i] = residuals(without, source[[i]], target[[i]])[0]
        except InputError:
            continue
        if k - 1 > LEAST_PAIRS[judge]:
            surprise[i] = _surprise(source, target, i, judge, reflection)
    outlier = int(surprise.argmax()) if surprise.any() and surprise.max() > 1 else None
    return Fit(transform, residuals(transform, source, target), left_out, outlier)


def _surprise(
    source: np.ndarray, target: np.ndarray, i: int, model: str, reflection: bool
) -> float:
    """Return the squared leave-one-out error of pair `i` over the critical value of an F test."""
    others = np.arange(len(source)) != i
    try:
        without = fit_transform(source[others], target[others], model, reflection=reflection)
        gap = residuals(without, source[[i]], target[[i]])[0]
        rest = residuals(without, source[others], target[others])
    except InputError:
        return 0.0
    freedom = 2 * others.sum() - _PARAMETERS[model]
    if freedom < 2:
        return 0.0
    noise = float((rest**2).sum()) / freedom
    design = np.column_stack([source - source[others].mean(axis=0), np.ones(len(source))])
    leverage = design[i] @ np.linalg.pinv(design[others].T @ design[others]) @ design[i]
    chance = stats.f.ppf(1 - _FALSE_ALARM / len(source), 2, freedom)
    span = float(np.ptp(target, axis=0).max())
    return float(gap**2 / (2 * max(noise, (1e-9 * span) ** 2) * (1 + leverage) * chance))
