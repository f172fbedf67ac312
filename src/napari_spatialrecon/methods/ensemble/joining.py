"""Join several layouts of the same cells and their places by similarity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.mean_layout import mean_layout
from napari_spatialrecon.geometry.procrustes import Pose, fit_pose
from napari_spatialrecon.geometry.stress import along_path, stress_layout
from napari_spatialrecon.methods.placement.posterior import Posterior
from napari_spatialrecon.progress import Reporter

#: Share of cells, those with the largest deviation, that are ignored when fitting the pose.
TRIM = 0.1
#: Number of cells whose distances to all cells are used.
ANCHORS = 512
#: Number of cells whose distances to these are computed at a time.
_ROWS = 4096
#: Probabilities at which quantiles of the two distributions are compared.
_SHARES = (np.arange(1000) + 0.5) / 1000


@dataclass(frozen=True)
class Joined:
    """The joint layout of several.

    Parameters
    ----------
    places : (n_cells, 2) float
        In the reference's frame.
    variance : (n_cells,) float
        Expected squared error: the sum of that of the places by similarity, the squared deviation
        of the layouts from their mean, and twice the squared deviation of a cell's distances from
        those of all layouts and likely spots (each end contributes half of a distance's variance).
    disagreement
        Root mean square distance of the layouts from their mean.
    stress
        How poorly the planar layout keeps the mean distances, 0 to 1 (see `stress_layout`).
    """

    places: NDArray[np.float64]
    variance: NDArray[np.float64]
    disagreement: float
    stress: float


def join(
    layouts: Sequence[NDArray[np.float64]],
    posterior: Posterior,
    spots: NDArray[np.float64],
    *,
    baseline_share: float,
    spread_share: float,
    reporter: Reporter | None = None,
) -> Joined:
    """Return the planar layout of the mean distances over layouts and places by similarity.

    Averaging places shrinks the layout wherever layouts disagree: two cells a radius apart coincide
    in the mean of two layouts that place them in opposite order. Averaging distances avoids this,
    needs no common pose, and accepts layouts of any dimension; the distance by similarity is the
    expectation over both cells' likely spots. Mean distances vary less than distances in any planar
    layout: if all were near 1, only a sphere of many dimensions could realise them. They can
    therefore be moved, keeping their order, towards the distances between likely spots. The result
    is laid out by stress minimisation, starting from the generalised Procrustes mean of the layouts
    and the places.

    Parameters
    ----------
    layouts : arrays (n_cells, d) float
        In units of the frame, in any pose; d at least 2.
    posterior
        Places by similarity.
    spots : (n_spots, 2) float
        Places of the spots that the posterior refers to.
    baseline_share
        Weight of the distances by similarity, 0 to 1.
    spread_share
        How far mean distances are moved towards those between likely spots, 0 to 1.
    reporter
        May stop the minimisation.
    """
    mean, spread = mean_layout([planar(layout) for layout in layouts])
    weights = 1 / (posterior.variance + np.median(posterior.variance) + 1e-9)
    posed = lay_over(mean, posterior.places, weights).apply(mean)
    own = 1 - baseline_share
    start = own * posed + baseline_share * posterior.places
    anchors = along_path(start, ANCHORS)
    wanted, squares = np.empty((len(start), len(anchors))), np.empty(len(start))
    likely = posterior.distances_of_spots(spots, anchors) if baseline_share else None
    for rows in _blocks(len(start)):
        wanted[rows], squares[rows] = _means(
            layouts, posterior, likely, baseline_share, anchors, rows
        )
    wanted[anchors, np.arange(len(anchors))] = 0.0
    aim = wanted
    if spread_share:
        quantiles = posterior.distance_quantiles(spots, _SHARES)
        aim = _distributed(wanted, quantiles, anchors, spread_share)
    laid = stress_layout(aim, anchors, start, reporter=reporter)
    off = squares
    for rows in _blocks(len(start)):
        kept = cdist(laid.places[rows], laid.places[anchors])
        off[rows] += np.einsum("na,na->n", kept, kept - 2 * wanted[rows]) / len(anchors)
    return Joined(
        places=lay_over(laid.places, posterior.places, weights).apply(laid.places),
        variance=posterior.variance + own * spread + 2 * np.maximum(off, 0.0),
        disagreement=float(np.sqrt(spread.mean())),
        stress=laid.stress,
    )


def _blocks(n: int) -> Iterator[slice]:
    """Yield rows in blocks: besides the two tables of distances nothing grows with the cells."""
    return (slice(first, first + _ROWS) for first in range(0, n, _ROWS))


def _means(
    layouts: Sequence[NDArray[np.float64]],
    posterior: Posterior,
    likely: NDArray[np.float64] | None,
    baseline_share: float,
    anchors: NDArray[np.intp],
    rows: slice,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean distances of some cells to the anchors, and their mean squares.

    For places by similarity, these are the expectation over both cells' likely spots: the square is
    that of the mean places plus both variances.

    Parameters
    ----------
    likely : (n_spots, a) float, optional
        `Posterior.distances_of_spots` to the anchors; None if their share is 0.
    """
    means = squares = 0.0
    for layout in layouts:
        weight = (1 - baseline_share) / len(layouts)
        distances = cdist(layout[rows], layout[anchors])
        squares = squares + weight * np.square(distances).mean(axis=1)
        means = means + weight * distances
    if likely is not None:
        places, variance = posterior.places, posterior.variance
        own = cdist(places[rows], places[anchors], "sqeuclidean").mean(axis=1)
        own += variance[rows] + variance[anchors].mean()
        squares = squares + baseline_share * own
        means = means + baseline_share * (posterior.weights[rows] @ likely)
    return np.asarray(means), np.asarray(squares)


def _distributed(
    wanted: NDArray[np.float64],
    quantiles: NDArray[np.float64] | None,
    anchors: NDArray[np.intp],
    share: float,
) -> NDArray[np.float64]:
    """Return distances (n_cells, a) moved by `share` towards a distribution, keeping their order.

    Parameters
    ----------
    quantiles
        Quantiles of that distribution at `_SHARES`; if None, distances are unchanged.
    anchors : (a,) int
        Cells of the columns; the distance of a cell to itself is 0.
    """
    itself = (anchors, np.arange(len(anchors)))
    others = np.ones(wanted.shape, bool)
    others[itself] = False
    drawn = wanted[others]
    del others
    own = np.quantile(drawn, _SHARES, overwrite_input=True) if len(drawn) else np.zeros(1)
    if quantiles is None or own[-1] - own[0] <= 1e-9 * own[-1]:
        return wanted
    del drawn
    moved = np.empty_like(wanted)
    for rows in _blocks(len(wanted)):
        moved[rows] = wanted[rows] + share * (
            np.interp(wanted[rows], own, quantiles) - wanted[rows]
        )
    moved[itself] = 0.0
    return moved


def planar(layout: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the projection of a layout (n, d) onto its two principal axes."""
    if layout.shape[1] == 2:
        return layout
    u, s, _ = np.linalg.svd(layout - layout.mean(axis=0), full_matrices=False)
    found = np.zeros((len(layout), 2))
    found[:, : len(s)] = (u * s)[:, :2]
    return found


def over_mean(
    layout: NDArray[np.float64], samples: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return the mean squared deviation, (n_cells,), of samples from the layout after fitting."""
    squares = np.zeros(len(layout))
    for sample in samples:
        posed = lay_over(sample, layout, np.ones(len(layout))).apply(sample)
        squares += ((posed - layout) ** 2).sum(axis=1) / len(samples)
    return squares


def lay_over(
    layout: NDArray[np.float64], places: NDArray[np.float64], weights: NDArray[np.float64]
) -> Pose:
    """Return the rotation or reflection and shift of a layout onto `places`.

    Only a shift where no rotation can be fitted (fewer than 3 cells, or all in one place).
    """
    try:
        return fit_pose(layout, places, weights=weights, scaling=False, trim=TRIM)
    except InputError:
        return Pose(np.eye(2), np.average(places - layout, axis=0, weights=weights))
