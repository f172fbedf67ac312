"""Conversion of predicted z-scores to expression on the slide's scale.

Z-scores do not determine how strongly a slide detects a gene. Over the shared genes, the mean and
standard deviation on the slide depend linearly on those in the reference on log-log axes; these
lines predict both for genes that the slide does not measure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import HuberRegressor

Values = NDArray[np.float32]
_TINY = 1e-6
#: Below this many genes, only the intercept is fitted, with a slope of 1.
_LINE_NEEDS = 10


@dataclass(frozen=True)
class SlideScale:
    """Log-log lines from a reference's mean and standard deviation to a slide's.

    Parameters
    ----------
    mean, spread
        Slope and intercept of each line.
    lowest, highest : (2,)
        Range of the mean and standard deviation among the shared genes; predictions are clipped
        at half the lowest and twice the highest.
    """

    mean: tuple[float, float]
    spread: tuple[float, float]
    lowest: tuple[float, float]
    highest: tuple[float, float]

    @classmethod
    def fit(cls, slide: Values, cells: Values) -> SlideScale:
        """Fit the lines to the shared genes: (n_spots, n_genes) and (n_cells, n_genes)."""
        here = moments(slide)
        there = moments(cells)
        lines = [_line(x, y) for x, y in zip(there, here, strict=True)]
        low, high = ([float(f(x)) for x in here] for f in (np.min, np.max))
        return cls(lines[0], lines[1], (low[0], low[1]), (high[0], high[1]))

    def moments(self, cells: Values) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the predicted mean and standard deviation of genes on the slide: (n_genes,)."""
        lines = (self.mean, self.spread)
        found = []
        for (slope, level), x, low, high in zip(
            lines, moments(cells), self.lowest, self.highest, strict=True
        ):
            y = np.exp(level + slope * np.log(np.maximum(x, _TINY)))
            found.append(np.clip(y, low / 2, high * 2))
        return found[0], found[1]

    def values(self, scores: Values, cells: Values) -> tuple[Values, NDArray[np.float64]]:
        """Return maps on the slide's scale, and the standard deviation of each gene.

        Parameters
        ----------
        scores : (n_spots, n_genes) float
            Maps as z-scores over spots.
        cells : (n_cells, n_genes) float
            The same genes in the reference.
        """
        mean, spread = self.moments(cells)
        return np.maximum(scores * spread + mean, 0).astype(np.float32), spread


def moments(values: Values) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation of each column, in double precision."""
    return values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64)


def standardised(values: Values) -> Values:
    """Return z-scores of each column; zeros where it is constant."""
    mean, spread = moments(values)
    safe = np.where(spread > _TINY, spread, 1.0)
    scores = (values - mean) / safe
    return np.where(spread > _TINY, scores, 0.0).astype(np.float32)


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    a, b = (np.log(np.maximum(v, _TINY)) for v in (x, y))
    if len(a) < _LINE_NEEDS or np.ptp(a) == 0:
        return 1.0, float(np.median(b - a))
    found = HuberRegressor(max_iter=1000).fit(a[:, None], b)
    return float(found.coef_[0]), float(found.intercept_)
