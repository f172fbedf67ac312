"""One graph of distances from many patches: steps 4-6 of GEARS inference (section 3.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_spatialrecon.geometry.neighbours import nearest
from napari_spatialrecon.geometry.patchwork.distance_graph import DistanceGraph
from napari_spatialrecon.geometry.patchwork.measurements import Measurements
from napari_spatialrecon.geometry.patchwork.overlaps import Overlaps
from napari_spatialrecon.progress import Reporter

#: Well-measured edges after which a cell needs no others; three determine a position in the plane.
_ENOUGH = 6

#: Disagreement that is rounding error, and the smallest reliability of a patch.
_ROUNDING, _LEAST_RELIABLE = 1e-6, 1e-3


@dataclass(frozen=True, eq=False)
class Stitched:
    """Distances that the patches agree on, and how well they agree.

    Parameters
    ----------
    graph
        Target distances in the unit of the patches, with confidence weights from 0 to 1.
    disagreement : (n_patches,) float
        Mean, over the patches it overlaps, of the mean |Δ log distance| between shared cells: 0.1
        is about a tenth of a distance. NaN for a patch that overlaps none.
    reliability : (n_patches,) float
        a_p, 0.001 to 1: weight of a patch's distances.
    support : (n,) int
        Number of patches of each cell.
    weak : (n,) bool
        Cells with fewer than 6 distances on which enough patches agree; they also keep others.
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
    """Return the distances of the patches' layouts, combined by weighted medians.

    Section 3.5. Step 4: edges join each cell to its `k` nearest in a patch, plus some random pairs;
    each is measured in every patch that holds both cells. Step 5: patches that disagree with those
    they overlap get less weight. Step 6: an edge's distance is the median of its measurements; it
    is kept if at least `min_patches` measured it with a relative spread of at most `max_spread`.
    Cells left with few edges keep their other edges, and so do pieces that would be cut off.

    Parameters
    ----------
    patches : n_patches arrays (n_p,) int, or one (n_patches, n_p)
        Cells of each patch, none twice.
    layouts : n_patches arrays (n_p, d) float, or one (n_patches, n_p, d)
        Coordinates, in any pose but in one unit.
    n
        Number of cells.
    k
        Nearest neighbours of a cell in a patch.
    far_share
        Random pairs drawn in each patch, and again among the cells that two patches share, as a
        share of the nearest pairs. They preserve the overall shape: compared with a share of a
        tenth, a third leaves a tenth less of the patches' independent noise, in less time.
    min_patches
        M_min; 1 if there is only one patch.
    max_spread
        τ_spread: root mean square deviation from the median, over the median.
    seed
        Seed for drawing pairs.

    Raises
    ------
    InputError
        Patches and layouts do not match, a number is not finite, or a cell is not among the `n`.

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
    """Return pairs of cells, (2, m): the nearest in each patch, and some random ones."""
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
    """Return the unique pairs of `pairs`, (2, m), with the smaller index first."""
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
    """Measurements of each edge: number, summed reliability, median and spread."""

    count: np.ndarray
    mass: np.ndarray
    median: np.ndarray
    spread: np.ndarray


def _join(edge: np.ndarray, distance: np.ndarray, weight: np.ndarray) -> _Joined:
    """Return the weighted median distance of each edge, in ascending order of edges.

    If exactly half of the weight lies on each side, the median is midway between.
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
    """Return ω, which rises with the number of measurements and falls with their spread.

    A single measurement has an unknown spread; the largest allowed is assumed.
    """
    measured = joined.mass / typical
    spread = np.where(joined.count > 1, joined.spread / max_spread, 1.0)
    return np.asarray(measured / (measured + 1) / (1 + spread**2))
