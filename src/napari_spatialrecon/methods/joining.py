"""Several layouts of the same cells and their places by similarity, joined into one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.alignment import mean_layout
from napari_spatialrecon.geometry.procrustes import Pose, fit_pose
from napari_spatialrecon.methods.floors.posterior import Posterior

#: Share of cells whose place by similarity is too far off to help find the pose.
TRIM = 0.1


@dataclass(frozen=True)
class Joined:
    """One layout out of several.

    Parameters
    ----------
    places : (n_cells, 2) float
        In the reference's frame.
    variance : (n_cells,) float
        Expected squared error: that of the places by similarity, and how far all layouts, those
        places among them, are from their mean.
    disagreement
        Root mean square distance of the layouts from their mean.
    """

    places: NDArray[np.float64]
    variance: NDArray[np.float64]
    disagreement: float


def join(
    layouts: Sequence[NDArray[np.float64]], posterior: Posterior, floor_share: float
) -> Joined:
    """Return the mean of layouts, laid over the places by similarity and averaged with them.

    Layouts are laid over one another first, and their mean then over the places by similarity
    of expression: the networks agree with each other better than with any place.

    Parameters
    ----------
    layouts : arrays (n_cells, 2) float
        In units of the frame, in any pose.
    floor_share
        Weight of the places by similarity, 0 to 1.
    """
    mean, spread = mean_layout(layouts)
    weights = 1 / (posterior.variance + np.median(posterior.variance) + 1e-9)
    posed = lay_over(mean, posterior.places, weights).apply(mean)
    own = 1 - floor_share
    apart = ((posed - posterior.places) ** 2).sum(axis=1)
    return Joined(
        places=own * posed + floor_share * posterior.places,
        variance=posterior.variance + own * spread + own * floor_share * apart,
        disagreement=float(np.sqrt(spread.mean())),
    )


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
