"""Whether expression on a slide is arranged in space at all, before anything is learned from it.

Two questions to the most variable genes: are spots like their neighbors (Moran's I of each gene),
and are spots less alike the further apart they lie (figure 2 of the dp-VAE paper)? Both are asked
again of the same slide with its spots shuffled, which no method can learn from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist
from scipy.stats import false_discovery_control, rankdata

from napari_spatialrecon.geometry.autocorrelation import morans_i
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.micrometres import um_per_unit
from napari_spatialrecon.tissue.shared_counts import SharedCounts, factors_to, most_variable
from napari_spatialrecon.tissue.slots import SPATIAL

#: Neighbors per spot, most genes and spots, and how often spots are shuffled.
NEIGHBOURS, MOST_GENES, MOST_SPOTS, SHUFFLES = 6, 200, 2000, 99
#: Spots of which all pairs are compared, and shuffles of them.
_PAIRED_SPOTS = 500
#: Ranges of distance that hold the same number of pairs.
_RANGES = 12
#: A slide has signal where shuffled spots reach its Moran's I no more often than this.
_CHANCE = 0.01
#: Least distance from 1 of the ends of the axis of differences.
_FLAT = 0.1
#: With fewer spots than this, a pattern may be missed.
_FEW_SPOTS = 50


@dataclass(frozen=True, eq=False)
class SpatialSignal:
    """How expression is arranged over a slide, beside the same with its spots shuffled.

    Parameters
    ----------
    spots, genes
        Compared: at most 2,000 spots at random and the 200 most variable genes.
    moran, moran_shuffled
        Mean Moran's I of the genes, and the highest of 99 shuffles.
    p_value
        Share of shuffles whose mean Moran's I is at least as high, the slide itself counted.
    patterned
        Genes with a pattern in space, at a false discovery rate of 5%.
    mantel, mantel_p_value
        Spearman correlation over pairs of spots of distance in space and in expression, and the
        share of shuffles that reach it (Mantel 1967; figure 2 of the dp-VAE paper).
    distances : (n_ranges,) float
        Mean distance of pairs, in `unit`.
    differences : (n_ranges,) float
        Mean distance in expression of these pairs; 1 is the mean over all pairs.
    unit
        ``"µm"``, or ``"units"`` of the slide where µm are unknown.
    """

    spots: int
    genes: int
    moran: float
    moran_shuffled: float
    p_value: float
    patterned: int
    mantel: float
    mantel_p_value: float
    distances: NDArray[np.float64]
    differences: NDArray[np.float64]
    unit: str = "µm"

    @property
    def exists(self) -> bool:
        """Whether there is a pattern in space that chance does not explain."""
        return self.p_value <= _CHANCE

    @property
    def is_missing(self) -> bool:
        """Whether there is none, though there are enough spots to see one."""
        return is_missing(self.record())

    @property
    def drawn(self) -> tuple[float, float]:
        """Range of differences to draw: a tenth about 1 at least, so that chance looks flat."""
        away = max([_FLAT, *(1.05 * np.abs(np.asarray(self.differences) - 1.0))])
        return 1.0 - away, 1.0 + away

    @property
    def text(self) -> str:
        """What was found, in a sentence.

        Examples
        --------
        >>> nothing = SpatialSignal(200, 50, 0.001, 0.004, 0.3, 0, 0.0, 0.5, [], [])
        >>> nothing.text
        "expression shows no pattern in space (mean Moran's I 0.001, spots shuffled up to 0.004)"
        """
        shown = f"mean Moran's I {self.moran:.3f}, spots shuffled up to {self.moran_shuffled:.3f}"
        if not self.exists:
            return f"expression shows no pattern in space ({shown})"
        return f"{self.patterned} of {self.genes} genes show a pattern in space ({shown})"

    def record(self) -> dict[str, Any]:
        """Return the figures for the record of a run."""
        names = ("spots", "genes", "patterned")
        figures = ("moran", "moran_shuffled", "p_value", "mantel", "mantel_p_value")
        return {name: int(getattr(self, name)) for name in names} | {
            name: round(float(getattr(self, name)), 6) for name in figures
        }


def is_missing(recorded: Mapping[str, float]) -> bool:
    """Return whether a recorded signal, `SpatialSignal.record`, is missing from its slide."""
    return recorded["p_value"] > _CHANCE and recorded["spots"] >= _FEW_SPOTS


def spatial_signal(slide: Prepared, seed: int = 0) -> SpatialSignal:
    """Return how expression on a slide is arranged in space, beside shuffles of its spots.

    Parameters
    ----------
    slide
        Counts and coordinates, as `prepare_slide` returns them.
    seed
        Of the spots that are compared and of the shuffles.
    """
    rng = np.random.default_rng(seed)
    values, points = _chosen(slide, rng)
    z = _standardised(values)
    found = morans_i(z, points, k=NEIGHBOURS)
    shuffled = np.array(
        [morans_i(z[rng.permutation(len(z))], points, k=NEIGHBOURS) for _ in range(SHUFFLES)]
    )
    means = shuffled.mean(axis=1)
    distances, differences, mantel, mantel_p = _against_distance(z, points, rng)
    scale = um_per_unit(slide.adata)
    return SpatialSignal(
        spots=len(z),
        genes=z.shape[1],
        moran=float(found.mean()),
        moran_shuffled=float(means.max()),
        p_value=_reached(found.mean(), means),
        patterned=_patterned(found, shuffled),
        mantel=mantel,
        mantel_p_value=mantel_p,
        distances=distances * (scale or 1.0),
        differences=differences,
        unit="µm" if scale else "units",
    )


def _chosen(
    slide: Prepared, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the logarithms of the most variable genes of spots at random, and their places."""
    n = slide.adata.n_obs
    rows = np.sort(rng.permutation(n)[:MOST_SPOTS])
    table = slide.adata[rows]
    counts = SharedCounts(table.X.tocsr(), np.arange(table.n_vars))
    totals = counts.totals()
    factors = factors_to(float(np.median(totals)), totals)
    genes = most_variable([counts], [factors], MOST_GENES)
    logs = np.zeros((len(rows), len(genes)))
    counts.dense_logs(factors, genes, logs)
    return logs, np.asarray(table.obsm[SPATIAL], float)


def _standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return z-scores of the genes that vary; of none that does, one column of zeros."""
    deviation = values.std(axis=0)
    varying = deviation > 0
    if not varying.any():
        return np.zeros((len(values), 1))
    kept = values[:, varying]
    return (kept - kept.mean(axis=0)) / deviation[varying]


def _reached(value: float, shuffled: NDArray[np.float64]) -> float:
    """Return the share of shuffles, and the slide itself, with at least this value."""
    return float((1 + (shuffled >= value).sum()) / (1 + len(shuffled)))


def _patterned(found: NDArray[np.float64], shuffled: NDArray[np.float64]) -> int:
    """Return the number of genes above chance, chance being that of all genes together."""
    mean, deviation = shuffled.mean(axis=0), shuffled.std(axis=0)
    deviation = np.where(deviation > 0, deviation, 1.0)
    chance = np.sort(((shuffled - mean) / deviation).ravel())
    own = (found - mean) / deviation
    above = len(chance) - np.searchsorted(chance, own, side="left")
    p_values = (1 + above) / (1 + len(chance))
    return int((false_discovery_control(p_values) <= 0.05).sum())


def _against_distance(
    z: NDArray[np.float64], points: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64], float, float]:
    """Return distance and difference in ranges of distance, their correlation and its p-value."""
    rows = rng.permutation(len(z))[:_PAIRED_SPOTS]
    away, apart = pdist(points[rows]), pdist(z[rows])
    if not apart.any():
        return np.zeros(0), np.zeros(0), 0.0, 1.0
    order = np.argsort(away, kind="stable")
    ranges = [part for part in np.array_split(order, _RANGES) if len(part)]
    near, ranks = rankdata(away), rankdata(apart)
    near, ranks = (near - near.mean()) / near.std(), (ranks - ranks.mean()) / ranks.std()
    n = len(rows)
    square = np.zeros((n, n))
    square[np.triu_indices(n, 1)] = near
    square += square.T
    upper = np.triu_indices(n, 1)
    correlation = float((near * ranks).mean())
    chance = []
    for _ in range(SHUFFLES):
        other = rng.permutation(n)
        chance.append(float((square[other][:, other][upper] * ranks).mean()))
    return (
        np.array([away[part].mean() for part in ranges]),
        np.array([apart[part].mean() for part in ranges]) / apart.mean(),
        correlation,
        _reached(correlation, np.array(chance)),
    )
