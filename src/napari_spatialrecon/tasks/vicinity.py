"""Cells and spots near cells of one type, and the genes that mark this vicinity."""

from __future__ import annotations

import numpy as np

from napari_spatialrecon.errors import InputError

PITCHES = 1.5
"""Default radius of a vicinity, in distances between neighbouring spots (GEARS, figure 4)."""


def default_radius(places: np.ndarray) -> float:
    """Return 1.5 times the median distance from a point to its nearest neighbour.

    Parameters
    ----------
    places : (n, 2) float
        At least 2 points; the radius is in their unit.

    Examples
    --------
    >>> default_radius(np.array([[0.0, 0.0], [100.0, 0.0], [200.0, 0.0]]))
    150.0
    """
    from napari_spatialrecon.geometry.neighbours import nearest

    distances = nearest(np.asarray(places, float), 1)[1]
    return PITCHES * float(np.median(distances))


def near(
    places: np.ndarray, targets: np.ndarray, radius: float, *, own: np.ndarray | None = None
) -> np.ndarray:
    """Return which points have a target within a radius, (n,) bool.

    Parameters
    ----------
    places : (n, 2) float
    targets : (m, 2) float
        In the unit of `places`, like `radius`.
    own : (n,) bool, optional
        Points that are among the targets themselves: they need another one within the radius.

    Raises
    ------
    InputError
        The radius is not above 0, there are no targets, or a coordinate is not finite.

    Examples
    --------
    >>> spots = np.array([[0.0, 0.0], [100.0, 0.0], [300.0, 0.0]])
    >>> near(spots, np.array([[10.0, 0.0]]), 95.0).tolist()
    [True, True, False]
    """
    from scipy.spatial import KDTree

    if not radius > 0:
        raise InputError(f"Expected a radius above 0, found {radius:g}.")
    if not len(targets):
        raise InputError("Expected cells of the type, found none.")
    if not (np.isfinite(places).all() and np.isfinite(targets).all()):
        raise InputError("Expected finite coordinates, found some that are not finite.")
    counts = KDTree(targets).query_ball_point(places, radius, return_length=True)
    found: np.ndarray = counts > (0 if own is None else np.asarray(own, int))
    return found
