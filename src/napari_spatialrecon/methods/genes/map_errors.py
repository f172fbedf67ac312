"""How far imputed maps are off, from genes that were measured and hidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.methods.genes.base import Values
from napari_spatialrecon.methods.genes.scale import standardised

#: Share of measured values that lie within this many spreads of a map.
LEVEL, SPREADS = 0.95, 2.0
#: Largest share of the errors of hidden genes that is asked for, where these are few.
_HIGHEST = 0.99
#: Ranges of a map's height, each with its own errors, and most values that are used.
_BINS, _VALUES = 20, 2_000_000
#: Smallest standard deviation of a map, relative to the median of the hidden genes'.
_LEAST = 0.1


@dataclass(frozen=True, eq=False)
class MapErrors:
    """Errors of hidden genes' maps, by how high the map is: counts vary most where a gene is high.

    Parameters
    ----------
    heights, spreads : (n_ranges,)
        Mean z-score of the map in a range, and the spread there, in standard deviations of the map.
    least
        Smallest standard deviation of a map that is reckoned with.
    """

    heights: NDArray[np.float64]
    spreads: NDArray[np.float64]
    least: float

    @classmethod
    def fit(cls, maps: Values, truth: Values) -> Self:
        """Fit to maps of hidden genes and what was measured, (n_spots, n_genes), on one scale."""
        least = max(_LEAST * float(np.median(maps.std(axis=0))), 1e-6)
        every = max(maps.size // _VALUES, 1)
        heights = standardised(maps).ravel()[::every]
        unit = np.maximum(maps.std(axis=0), least)
        away = (np.abs(truth - maps) / unit).ravel()[::every]
        edges = np.unique(np.quantile(heights, np.linspace(0, 1, _BINS + 1)[1:-1]))
        ranges = np.searchsorted(edges, heights)
        numbers = np.unique(ranges)
        return cls(
            np.array([heights[ranges == number].mean() for number in numbers], float),
            np.array([within(away[ranges == n], maps.shape[1]) for n in numbers], float),
            least,
        )

    def spread(self, maps: Values) -> Values:
        """Return the spread of maps, (n_spots, n_genes): `SPREADS` of them hold `LEVEL`."""
        unit = np.maximum(maps.std(axis=0), self.least)
        found = np.interp(standardised(maps), self.heights, self.spreads) * unit
        return np.asarray(found, np.float32)


def within(away: NDArray[np.floating], genes: int) -> float:
    """Return the spread of which `SPREADS` hold `LEVEL` of the absolute errors of another gene.

    Errors of a gene are alike, so a new gene adds more than a new value: of n genes the share
    `LEVEL` (n + 1) / n is asked for (Dunn, Wasserman and Ramdas, JASA 2022).
    """
    level = min(LEVEL * (genes + 1) / genes, _HIGHEST)
    rank = int(np.ceil((away.size + 1) * level)) - 1
    return float(np.sort(away, axis=None)[min(rank, away.size - 1)]) / SPREADS


def coverage(maps: Values, truth: Values) -> float:
    """Return the share of measured values within two spreads, of genes that did not fit them."""
    half = np.arange(maps.shape[1]) % 2 == 0
    inside = []
    for fit, test in ((half, ~half), (~half, half)):
        spread = MapErrors.fit(maps[:, fit], truth[:, fit]).spread(maps[:, test])
        inside.append(np.abs(truth - maps)[:, test] <= SPREADS * spread)
    return float(np.concatenate(inside, axis=1).mean())
