"""From the layouts of several networks to one, laid over places that are roughly known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.procrustes import Pose, fit_pose

#: Share of cells whose place by similarity is too far off to help find the pose.
TRIM = 0.1
#: Times the layouts are laid over their mean (generalised Procrustes).
ALIGNMENTS = 5


def mean_layout(
    layouts: Sequence[NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean of layouts (n, 2) after rotations and reflections, and their spread.

    Returns
    -------
    mean : (n, 2) float
    spread : (n,) float
        Mean squared distance from it.
    """
    turned = [layout - layout.mean(axis=0) for layout in layouts]
    mean = turned[0]
    for _ in range(ALIGNMENTS if len(turned) > 1 else 0):
        turned = [lay_over(y, mean).apply(y) for y in turned]
        mean = np.mean(turned, axis=0)
    spread: NDArray[np.float64] = np.mean([((y - mean) ** 2).sum(axis=1) for y in turned], axis=0)
    return mean, spread


def lay_over(
    layout: NDArray[np.float64],
    places: NDArray[np.float64],
    *,
    weights: NDArray[np.float64] | None = None,
    trim: float = 0.0,
) -> Pose:
    """Return the rotation or reflection and shift of a layout onto `places`, (n, 2) each.

    Where there is nothing to turn (fewer than 3 cells, or all in one place) it is a shift alone.
    """
    try:
        return fit_pose(layout, places, weights=weights, scaling=False, trim=trim)
    except InputError:
        return Pose(np.eye(2), np.average(places - layout, axis=0, weights=weights))
