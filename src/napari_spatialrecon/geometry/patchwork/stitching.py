"""One graph of distances out of many patches: steps 4-6 of GEARS' inference (section 3.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_spatialrecon.geometry.neighbours import nearest
from napari_spatialrecon.geometry.patchwork.distance_graph import DistanceGraph
from napari_spatialrecon.geometry.patchwork.measurements import Measurements
from napari_spatialrecon.geometry.patchwork.overlaps import Overlaps
from napari_spatialrecon.progress import Reporter

#: Well-measured edges from which a cell needs no others; three fix a place in the plane.
_ENOUGH = 6

#: Disagreement that is no more than rounding, and the least reliability of a patch.
_ROUNDING, _LEAST_RELIABLE = 1e-6, 1e-3


@dataclass(frozen=True, eq=False)
class Stitched:
    """Distances that the patches agree on, and how well they do.

    Parameters
    ----------
    graph
        Wanted distances in the unit of the patches, with confidence weights from 0 to 1.
    disagreement : (n_patches,) float
        Mean, over the patches it overlaps, of the mean |Δ log distance| between shared cells: 0.1
        is about a tenth of a distance. NaN for a patch that overlaps none.
    reliability : (n_patches,) float
        a_p, 0.001 to 1: what a patch's distances count.
    support : (n,) int
        Patches each cell is in.
    weak : (n,) bool
        Cells with fewer than 6 distances that enough patches measured alike; they keep others.
    pieces : (n,) int
        Connected component of each cell in the graph, 0 for the largest.
    """

    graph: DistanceGraph
    disagreement: np.ndarray
    reliability: np.ndarray
    support: np.ndarray
    weak: np.ndarray
    pieces: np.ndarray


def stitch(
    patches: Sequence[np.ndarray] | np.ndarray,
    layouts: Sequence[np.ndarray] | np.ndarray,
    n: int,
    *,
    k: int = 15,
    far_share: float = 0.3,
    min_patches: int = 2,
    max_spread: float = 0.5,
    seed: int = 0,
    reporter: Reporter | None = None,
) -> Stitched:
    """Return the distances of the patches' layouts, joined by weighted medians.

    Section 3.5. Step 4: edges are each cell's `k` nearest in a patch and some pairs at random;
    each is measured in every patch that holds both cells. Step 5: patches that disagree with those
    they overlap count less. Step 6: an edge's distance is the median of its measurements; it is
    kept if at least `min_patches` measured it with a relative spread of at most `max_spread`.
    Cells that this leaves with few edges keep their others, and so do pieces it would cut off.

    Parameters
    ----------
    patches : n_patches arrays (n_p,) int, or one (n_patches, n_p)
        Cells of each patch, none twice.
    layouts : n_patches arrays (n_p, d) float, or one (n_patches, n_p, d)
        Their places, in any pose but one unit.
    n
        Number of cells.
    k
        Nearest others of a cell in a patch.
    far_share
        Pairs drawn at random in each patch, and again among the cells that two patches share, as
        a share of the nearest pairs. They hold the shape of the whole: a third of them leaves a
        tenth less of independent noise in patches than a tenth of them does, in less time.
    min_patches
        M_min; 1 where there is one patch only.
    max_spread
        τ_spread: root mean square deviation from the median, over the median.
    seed
        Draws pairs.

    Raises
    ------
    InputError
        Patches and layouts do not match, a number is not finite, or a cell is none of the `n`.

    Examples
    --------
    >>> cells = np.random.default_rng(0).uniform(size=(60, 2))
    >>> patches = [np.arange(0, 40), np.arange(20, 60)]
    >>> found = stitch(patches, [cells[:40], 3 - cells[20:]], 60)
    >>> wanted = np.linalg.norm(cells[found.graph.first] - cells[found.graph.second], axis=1)
    >>> bool(np.allclose(found.graph.distances, wanted)), int(found.pieces.max())
    (True, 0)
    """
    reporter = reporter or Reporter()
    reporter.begin("Stitching patches")
    generator = np.random.default_rng(seed)
    measured = Measurements(patches, layouts, n)
    overlaps = Overlaps(measured, generator, reporter)
    reporter.check()
    disagreement, reliability = _reliability(overlaps, measured.n_patches)
    inside = _edges(measured, k, far_share, generator, reporter)
    shared = overlaps.pairs(round(far_share * inside.shape[1]), generator)
    first, second = _unique(np.concatenate([inside, shared], axis=1), n)
    edge, patch, distance = measured.distances(first, second, reporter)
    reporter.check()
    joined = _join(edge, distance, reliability[patch])
    reporter.check()
    least = min(min_patches, measured.n_patches)
    good = (joined.count >= least) & (joined.spread <= max_spread)
    kept, weak = _choose(first, second, n, good)
    weights = _confidence(joined, float(np.median(reliability)), max_spread)
    graph = DistanceGraph(n, first[kept], second[kept], joined.median[kept], weights[kept])
    return Stitched(graph, disagreement, reliability, measured.support, weak, graph.pieces)


def _edges(
    measured: Measurements,
    k: int,
    far_share: float,
    generator: np.random.Generator,
    reporter: Reporter,
) -> np.ndarray:
    """Return pairs of cells, (2, m): the nearest in each patch, and some at random."""
    found = [np.empty((2, 0), np.intp)]
    for cells, layout in measured:
        reporter.check()
        if len(cells) > 1:
            near, _ = nearest(layout, k)
            ends = np.stack([np.repeat(np.arange(len(cells)), near.shape[1]), near.ravel()])
            far = generator.integers(len(cells), size=(2, round(far_share * near.size)))
            found.append(cells[np.concatenate([ends, far[:, far[0] != far[1]]], axis=1)])
    return np.concatenate(found, axis=1)


def _unique(pairs: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the two cells of each pair of `pairs`, (2, m), once, the smaller number first."""
    keys = np.sort(pairs.min(axis=0) * n + pairs.max(axis=0))
    keys = keys[np.diff(keys, prepend=-1) > 0]
    return keys // n, keys % n


def _reliability(overlaps: Overlaps, n_patches: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the disagreement of each patch with those it overlaps, and a_p (step 5)."""
    gaps = overlaps.disagreement()
    ends = overlaps.patches.ravel()
    met = np.bincount(ends, minlength=n_patches)
    total = np.bincount(ends, np.tile(gaps, 2), n_patches)
    disagreement = np.divide(total, met, out=np.full(n_patches, np.nan), where=met > 0)
    typical = max(_ROUNDING, float(np.median(gaps))) if len(gaps) else 1.0
    reliability = np.exp(-np.nan_to_num(disagreement) / typical)
    return disagreement, np.maximum(reliability, _LEAST_RELIABLE)


@dataclass(frozen=True, eq=False)
class _Joined:
    """Measurements of each edge: how many, their reliabilities' sum, their median and spread."""

    count: np.ndarray
    mass: np.ndarray
    median: np.ndarray
    spread: np.ndarray


def _join(edge: np.ndarray, distance: np.ndarray, weight: np.ndarray) -> _Joined:
    """Return the weighted medians of the distances of each edge, in rising order of edges.

    Where exactly half of the weight lies on each side, the median is midway between.
    """
    share = distance / max(float(distance.max(initial=0.0)), 1e-300)
    order = np.argsort(edge + 0.5 * share, kind="stable")
    edge, distance, weight = edge[order], distance[order], weight[order]
    count, mass = np.bincount(edge), np.bincount(edge, weight)
    last = np.cumsum(count) - 1
    upto = np.cumsum(weight)
    half = upto[last] - mass / 2
    tie = 1e-6 * _LEAST_RELIABLE
    bounds = last - count + 1, last
    lower = np.clip(np.searchsorted(upto, half - tie), *bounds)
    upper = np.clip(np.searchsorted(upto, half + tie, side="right"), *bounds)
    median = (distance[lower] + distance[upper]) / 2
    square = np.bincount(edge, weight * (distance - median[edge]) ** 2) / mass
    spread = np.divide(np.sqrt(square), median, out=np.zeros(len(median)), where=median > 0)
    return _Joined(count, mass, median, spread)


def _choose(
    first: np.ndarray, second: np.ndarray, n: int, good: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return which edges are kept, and the cells that have few good ones."""
    ends = np.concatenate([first[good], second[good]])
    weak = np.bincount(ends, minlength=n) < _ENOUGH
    kept = good | weak[first] | weak[second]
    ones = np.ones(int(kept.sum()))
    piece = DistanceGraph(n, first[kept], second[kept], ones, ones).pieces
    return kept | (piece[first] != piece[second]), weak


def _confidence(joined: _Joined, typical: float, max_spread: float) -> np.ndarray:
    """Return ω, rising with the measurements (in typical patches) and falling with their spread.

    One measurement alone has an unknown spread, which is taken for the largest allowed.
    """
    measured = joined.mass / typical
    spread = np.where(joined.count > 1, joined.spread / max_spread, 1.0)
    return np.asarray(measured / (measured + 1) / (1 + spread**2))
