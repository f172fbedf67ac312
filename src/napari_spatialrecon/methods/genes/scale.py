"""From z-scores of a map to expression on the slide's scale.

How much of a gene a slide sees cannot be read off its z-scores. Over the shared genes, the slide's
mean and standard deviation follow those of the reference on double logarithmic axes; that line
tells both for a gene the slide never measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import HuberRegressor

Values = NDArray[np.float32]
_TINY = 1e-6
#: Below this many genes only the level is learned, with a slope of 1.
_LINE_NEEDS = 10


@dataclass(frozen=True)
class SlideScale:
    """Lines from a reference's mean and standard deviation to a slide's, in logarithms.

    Parameters
    ----------
    mean, spread
        Slope and level of each line.
    lowest, highest : (2,)
        Least and most mean and spread among the shared genes: no gene is taken beyond twice them.
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
        """Return the mean and standard deviation that genes will have on the slide: (n_genes,)."""
        lines = (self.mean, self.spread)
        found = []
        for (slope, level), x, low, high in zip(
            lines, moments(cells), self.lowest, self.highest, strict=True
        ):
            y = np.exp(level + slope * np.log(np.maximum(x, _TINY)))
            found.append(np.clip(y, low / 2, high * 2))
        return found[0], found[1]

    def values(self, scores: Values, cells: Values) -> tuple[Values, NDArray[np.float64]]:
        """Return maps on the slide's scale, and the standard deviation that a score of 1 became.

        Parameters
        ----------
        scores : (n_spots, n_genes) float
            Maps in z-scores over spots.
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
