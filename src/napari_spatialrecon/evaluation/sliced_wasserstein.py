"""Sliced Wasserstein distance: similarity in shape of two point sets, ignoring correspondence."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar

#: Number of random directions in the paper's definition.
_DIRECTIONS = 128
#: Number of rotations tried to find the best one, and of quantiles that represent a projection.
_ROTATIONS, _QUANTILES = 120, 256


def sliced_wasserstein(a: np.ndarray, b: np.ndarray, *, seed: int = 0) -> float:
    """Return the mean 1-D Wasserstein-1 distance over random directions (GEARS, appendix 7.1).

    Parameters
    ----------
    a, b : (n, 2) float
        Two point sets of equal size, both centred and of RMS radius 1; `b` is already in the pose
        to compare.
    """
    angles = np.random.default_rng(seed).uniform(0, np.pi, _DIRECTIONS)
    gaps = [np.abs(np.sort(a @ u) - np.sort(b @ u)).mean() for u in _units(angles)]
    return float(np.mean(gaps))


def smallest_sliced_wasserstein(a: np.ndarray, b: np.ndarray) -> float:
    """Return the smallest sliced Wasserstein distance over rotations and reflections of `b`.

    Correspondence is ignored: a layout with shuffled cells scores 0. Rotations are tried
    every 3° with evenly spaced directions, then the best is refined.

    Parameters
    ----------
    a, b : (n, 2) float
        As in `sliced_wasserstein`, in any pose.
    """
    angles = np.arange(2 * _ROTATIONS) * np.pi / _ROTATIONS
    profile = _projections(a, angles[:_ROTATIONS])
    best, best_angle, best_points = np.inf, 0.0, b
    for points in (b, b * [1, -1]):
        other = _projections(points, angles)
        for shift in range(2 * _ROTATIONS):
            turned = other.take(range(shift, shift + _ROTATIONS), axis=0, mode="wrap")
            gap = float(np.abs(profile - turned).mean())
            if gap < best:
                best, best_angle, best_points = gap, float(angles[shift]), points

    def gap_at(angle: float) -> float:
        turned = _projections(best_points, angles[:_ROTATIONS:4] + angle)
        return float(np.abs(profile[::4] - turned).mean())

    step = np.pi / _ROTATIONS
    refined = minimize_scalar(
        gap_at, bounds=(best_angle - step, best_angle + step), method="bounded"
    )
    found = _projections(best_points, angles[:_ROTATIONS] + refined.x)
    return min(best, float(np.abs(profile - found).mean()))


def _units(angles: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _projections(points: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Return evenly spaced quantiles, (angles, quantiles), of the points along each direction."""
    at = np.linspace(0, len(points) - 1, min(_QUANTILES, len(points)))
    order = np.arange(len(points))
    return np.stack([np.interp(at, order, np.sort(points @ u)) for u in _units(angles)])
