"""Match the density of a layout to that of another point set."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import softmax

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.stress import along_path

#: Rotations along whose axes quantiles are matched; more make no noticeable difference.
_ROUNDS = 24
#: Number of passes; in each, points move together with their neighbours.
_PASSES = 3
#: Width of the neighbourhoods, as a share of the targets' radius, and number of support points.
_REACH, _HOLDERS = 0.1, 512


def match_density(points: np.ndarray, targets: np.ndarray, *, share: float = 1.0) -> np.ndarray:
    """Move `points` by `share` of the way to a layout that is as dense as `targets`.

    Iterative distribution transfer (Pitié 2007, https://doi.org/10.1016/j.cviu.2006.11.011): for a
    series of evenly rotated axes, the i-th quantile of the points is moved to that of the targets.
    This is optimal transport along each axis; it takes O(n log n) time and is deterministic. On its
    own it would separate neighbours and put the points on the targets' lattice. Each point
    therefore moves by the average of the moves around it, and the remainder is transported again,
    three times in all: the layout is deformed smoothly, and neighbours stay neighbours.

    Parameters
    ----------
    points : (n, 2) float
    targets : (m, 2) float
        In the same frame.
    share
        0 leaves the points unchanged, 1 gives them the targets' density; in between is a compromise
        between an even layout and the most likely place of each cell.

    Raises
    ------
    InputError
        A shape differs from the above, a number is not finite or `share` is not between 0 and 1.

    Examples
    --------
    >>> grid = np.random.default_rng(0).uniform(-1, 1, size=(400, 2))
    >>> spread = match_density(0.3 * grid, grid)
    >>> bool(np.allclose(spread.std(axis=0), grid.std(axis=0), rtol=0.02))
    True
    """
    for name, values in (("points", points), ("targets", targets)):
        if values.ndim != 2 or values.shape[1] != 2 or not len(values):
            raise InputError(f"Expected {name} of shape (n, 2), found {values.shape}.")
        if not np.isfinite(values).all():
            raise InputError(f"Expected finite {name}, found values that are not finite.")
    if not 0 <= share <= 1:
        raise InputError(f"Expected a share from 0 to 1, found {share:g}.")
    moved = np.array(points, float)
    reach = _REACH * float(np.sqrt(targets.var(axis=0).sum()))
    for _ in range(_PASSES):
        moved += _with_neighbours(moved, _transported(moved, targets) - moved, reach)
    return np.asarray(points + share * (moved - points))


def _transported(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return `points` moved to the density of `targets`, each point on its own."""
    moved = points
    quantiles = (np.arange(len(points)) + 0.5) / len(points)
    for angle in np.arange(_ROUNDS) * (np.pi * (3 - 5**0.5)):
        axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        own, wanted = moved @ axes.T, targets @ axes.T
        for axis in (0, 1):
            order = np.argsort(own[:, axis], kind="stable")
            own[order, axis] = np.quantile(wanted[:, axis], quantiles)
        moved = own @ axes
    return moved


def _with_neighbours(points: np.ndarray, moves: np.ndarray, reach: float) -> np.ndarray:
    """Return the Gaussian mean of `moves` around each point, through a subset of support points."""
    if not reach:
        return moves
    held = along_path(points, _HOLDERS)
    near = -cdist(points, points[held], "sqeuclidean") / (2 * reach**2)
    return softmax(near, axis=1) @ (softmax(near, axis=0).T @ moves)
