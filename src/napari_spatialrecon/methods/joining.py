"""Several layouts of the same cells and their places by similarity, joined into one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.alignment import mean_layout
from napari_spatialrecon.geometry.procrustes import Pose, fit_pose
from napari_spatialrecon.geometry.stress import along_path, stress_layout
from napari_spatialrecon.methods.floors.posterior import Posterior
from napari_spatialrecon.progress import Reporter

#: Share of cells whose place by similarity is too far off to help find the pose.
TRIM = 0.1
#: Cells whose distances to all cells are kept.
ANCHORS = 512


@dataclass(frozen=True)
class Joined:
    """One layout out of several.

    Parameters
    ----------
    places : (n_cells, 2) float
        In the reference's frame.
    variance : (n_cells,) float
        Expected squared error: that of the places by similarity, how far all layouts, those
        places among them, are from their mean, and what the plane loses of a cell's distances.
    disagreement
        Root mean square distance of the layouts from their mean.
    stress
        How badly the plane keeps the mean distances, 0 to 1 (see `stress_layout`).
    """

    places: NDArray[np.float64]
    variance: NDArray[np.float64]
    disagreement: float
    stress: float


def join(
    layouts: Sequence[NDArray[np.float64]],
    posterior: Posterior,
    spots: NDArray[np.float64],
    floor_share: float,
    reporter: Reporter | None = None,
) -> Joined:
    """Return the plane's layout of the mean distances of layouts and of places by similarity.

    A mean of places shrinks what layouts disagree on: of two cells that lie a radius apart to the
    left in one and to the right in the other, it says that they coincide. A mean of distances does
    not, needs no common pose, and takes layouts of more dimensions as they are; the distance by
    similarity is that expected over both cells' likely spots. The distances are then laid out with
    the least stress, from the generalised Procrustes mean of the layouts and the places.

    Parameters
    ----------
    layouts : arrays (n_cells, d) float
        In units of the frame, in any pose; d at least 2.
    posterior
        Places by similarity.
    spots : (n_spots, 2) float
        Places of the spots that the posterior is over.
    floor_share
        Weight of the distances by similarity, 0 to 1.
    reporter
        May stop the descent.
    """
    mean, spread = mean_layout([planar(layout) for layout in layouts])
    weights = 1 / (posterior.variance + np.median(posterior.variance) + 1e-9)
    posed = lay_over(mean, posterior.places, weights).apply(mean)
    own = 1 - floor_share
    apart = ((posed - posterior.places) ** 2).sum(axis=1)
    start = own * posed + floor_share * posterior.places
    anchors = along_path(start, ANCHORS)
    wanted = own * sum(cdist(layout, layout[anchors]) for layout in layouts) / len(layouts)
    if floor_share:
        wanted += floor_share * posterior.expected_distances(spots, anchors)
        wanted[anchors, np.arange(len(anchors))] = 0.0
    laid = stress_layout(wanted, anchors, start, reporter=reporter)
    variance = posterior.variance + own * spread + own * floor_share * apart
    return Joined(
        places=lay_over(laid.places, posterior.places, weights).apply(laid.places),
        variance=variance + laid.misfit,
        disagreement=float(np.sqrt(spread.mean())),
        stress=laid.stress,
    )


def planar(layout: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a layout (n, d) in its two principal axes."""
    if layout.shape[1] == 2:
        return layout
    u, s, _ = np.linalg.svd(layout - layout.mean(axis=0), full_matrices=False)
    found = np.zeros((len(layout), 2))
    found[:, : len(s)] = (u * s)[:, :2]
    return found


def over_mean(
    layout: NDArray[np.float64], samples: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return the mean squared distance of samples from a layout, (n_cells,), each laid over it."""
    squares = np.zeros(len(layout))
    for sample in samples:
        posed = lay_over(sample, layout, np.ones(len(layout))).apply(sample)
        squares += ((posed - layout) ** 2).sum(axis=1) / len(samples)
    return squares


def lay_over(
    layout: NDArray[np.float64], places: NDArray[np.float64], weights: NDArray[np.float64]
) -> Pose:
    """Return the rotation or reflection and shift of a layout onto `places`.

    Where there is nothing to turn (fewer than 3 cells, or all in one place) it is a shift alone.
    """
    try:
        return fit_pose(layout, places, weights=weights, scaling=False, trim=TRIM)
    except InputError:
        return Pose(np.eye(2), np.average(places - layout, axis=0, weights=weights))
