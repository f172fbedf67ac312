"""Uncertainty of maps, estimated from held-out genes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.methods.genes.base import Values
from napari_spatialrecon.methods.genes.scale import standardised

_BINS = 20
#: Maximum number of entries (spots × genes) used.
_ENTRIES = 2_000_000


@dataclass(frozen=True, eq=False)
class ErrorProfile:
    """Error of held-out genes by the value of their maps: counts vary most where a gene is high.

    Parameters
    ----------
    heights, errors : (bins,)
        Mean z-score of the map in a bin, and the root-mean-square error there relative to the
        gene's own.
    """

    heights: NDArray[np.float64]
    errors: NDArray[np.float64]

    @classmethod
    def fit(cls, maps: Values, truth: Values) -> Self:
        """Fit to held-out genes: maps and z-scored truth, (n_spots, n_genes)."""
        every = max(maps.size // _ENTRIES, 1)
        heights = standardised(maps).ravel()[::every]
        squares = (truth - maps) ** 2
        squares = (squares / np.maximum(squares.mean(axis=0), 1e-9)).ravel()[::every]
        edges = np.quantile(heights, np.linspace(0, 1, _BINS + 1)[1:-1])
        bins = np.searchsorted(edges, heights)
        count = np.bincount(bins, minlength=_BINS)
        filled = count > 0
        mean, square = (
            np.bincount(bins, values, minlength=_BINS)[filled] / count[filled]
            for values in (heights, squares)
        )
        return cls(mean, np.sqrt(square))

    def spread(
        self, maps: Values, drawn: Values, unexplained: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the standard deviation of predicted genes, in z-scores: (n_spots, n_genes).

        The variance by map value and that of sampled maps add up; their mean over a gene's spots
        equals its unexplained variance.

        Parameters
        ----------
        maps : (n_spots, n_genes)
        drawn : (n_spots, n_genes)
            Standard deviation over sampled maps, in z-scores; 0 without samples.
        unexplained : (n_genes,)
            Share of a gene's variance that its map is expected not to explain.
        """
        error = np.interp(standardised(maps), self.heights, self.errors)
        variance = error**2 * unexplained + drawn.astype(np.float64) ** 2
        mean = np.maximum(variance.mean(axis=0), 1e-12)
        found: NDArray[np.float64] = np.sqrt(variance * (unexplained / mean))
        return found
