"""Giving a layout the density of another point set."""

from __future__ import annotations

import numpy as np

from napari_spatialrecon.errors import InputError

#: Rotations along whose axes quantiles are matched: more change nothing to speak of.
_ROUNDS = 24


def match_density(points: np.ndarray, targets: np.ndarray, *, share: float = 1.0) -> np.ndarray:
    """Return `points` moved by `share` of the way to where they are as dense as `targets`.

    Iterative distribution transfer (Pitié 2007, https://doi.org/10.1016/j.cviu.2006.11.011): along
    evenly turned axes in turn, the i-th quantile of the points is moved to that of the targets.
    This is optimal transport along each axis; time is O(n log n) and nothing is random.

    Parameters
    ----------
    points : (n, 2) float
    targets : (m, 2) float
        In the same frame.
    share
        0 leaves the points, 1 gives them the targets' density; half-way is a compromise between
        an even layout and the most likely place of each cell.

    Raises
    ------
    InputError
        Shapes differ from the above, a number is not finite or `share` not from 0 to 1.

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
            raise InputError(f"Expected finite {name}, found some that are not.")
    if not 0 <= share <= 1:
        raise InputError(f"Expected a share from 0 to 1, found {share:g}.")
    moved = np.array(points, float)
    quantiles = (np.arange(len(points)) + 0.5) / len(points)
    for angle in np.arange(_ROUNDS) * (np.pi * (3 - 5**0.5)):
        axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        own, wanted = moved @ axes.T, targets @ axes.T
        for axis in (0, 1):
            order = np.argsort(own[:, axis], kind="stable")
            own[order, axis] = np.quantile(wanted[:, axis], quantiles)
        moved = own @ axes
    return np.asarray(points + share * (moved - points))
