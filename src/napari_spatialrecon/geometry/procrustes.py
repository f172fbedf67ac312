"""Similarity poses between two layouts of the same cells, and the remaining error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.spatial import procrustes

from napari_spatialrecon.errors import InputError

#: Smallest ratio of second to first spread at which points span a plane.
FLAT = 1e-6

#: Refits while the trimmed share grows from 0 to `trim`, and the maximum number that follow.
_TIGHTENING, _SETTLING = 10, 20


@dataclass(frozen=True, eq=False)
class Pose:
    """A similarity of the plane: ``apply(p) = linear @ p + translation``.

    Parameters
    ----------
    linear : (2, 2) float
        Scale times rotation, or times a reflection.
    translation : (2,) float
        In the unit of the target frame.

    Examples
    --------
    >>> quarter = Pose(np.array([[0.0, -2.0], [2.0, 0.0]]), np.array([1.0, 0.0]))
    >>> quarter.apply(np.array([[1.0, 0.0]]))
    array([[1., 2.]])
    >>> quarter.scale
    2.0
    """

    linear: np.ndarray
    translation: np.ndarray

    @classmethod
    def identity(cls) -> Self:
        """Return the identity pose."""
        return cls(np.eye(2), np.zeros(2))

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Return the pose that `to_dict` described."""
        linear = np.asarray(content["linear"], float)
        translation = np.asarray(content["translation"], float)
        if linear.shape != (2, 2) or translation.shape != (2,):
            raise InputError(
                "Expected a pose with a 2 x 2 linear part and a translation of 2 numbers, "
                f"found shapes {linear.shape} and {translation.shape}."
            )
        return cls(linear, translation)

    def to_dict(self) -> dict[str, Any]:
        """Return the pose as plain lists, for JSON and `uns`."""
        return {"linear": self.linear.tolist(), "translation": self.translation.tolist()}

    @property
    def scale(self) -> float:
        """Length of one source unit in the target frame."""
        return float(np.sqrt(abs(np.linalg.det(self.linear))))

    @property
    def reflected(self) -> bool:
        """Whether the pose flips the layout."""
        return bool(np.linalg.det(self.linear) < 0)

    @property
    def matrix(self) -> np.ndarray:
        """The homogeneous matrix, (3, 3), for columns (x, y, 1)."""
        matrix = np.eye(3)
        matrix[:2, :2], matrix[:2, 2] = self.linear, self.translation
        return matrix

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Return `points`, (n, 2) as (x, y), in the target frame."""
        return np.asarray(points) @ self.linear.T + self.translation

    def inverse(self) -> Pose:
        """Return the pose from the target frame back to the source frame."""
        linear = np.linalg.inv(self.linear)
        return Pose(linear, -linear @ self.translation)

    def compose(self, other: Pose) -> Pose:
        """Return the pose that applies `other` first and then this one."""
        return Pose(self.linear @ other.linear, self.apply(other.translation[None])[0])


def fit_pose(
    source: np.ndarray,
    target: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    reflection: bool = True,
    scaling: bool = True,
    trim: float = 0.0,
) -> Pose:
    """Return the least-squares similarity from `source` to `target`.

    The closed form of Umeyama (1991), https://doi.org/10.1109/34.88573, eqs. 40-42.

    Parameters
    ----------
    source, target : (n, 2) float, (x, y)
        The same cells in the same order, each in its own unit.
    weights : (n,) float, optional
        Not negative; a cell of weight 2 counts as two.
    reflection
        Whether the layout may be flipped.
    scaling
        Whether its size may change.
    trim
        Share of the cells with the largest residuals that the fit excludes, from 0 to below 1
        (least trimmed squares; the share grows step by step, so that a single fit to all cells does
        not decide which are outliers).

    Raises
    ------
    InputError
        Shapes differ, a number is not finite, or the points do not determine a pose: they coincide,
        or they are collinear while a reflection is allowed.

    Examples
    --------
    >>> corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    >>> fit_pose(corners, 3 * corners + 1).apply(corners).round(6)
    array([[1., 1.],
           [4., 1.],
           [1., 7.]])
    """
    source, target = _points(source, "source"), _points(target, "target")
    if len(source) != len(target):
        raise InputError(
            f"Expected as many source as target points, found {len(source)} and {len(target)}."
        )
    mass = np.ones(len(source)) if weights is None else np.asarray(weights, float)
    if mass.shape != (len(source),) or not np.isfinite(mass).all() or (mass < 0).any():
        raise InputError("Expected one finite weight of at least 0 for each point.")
    if not 0 <= trim < 1:
        raise InputError(f"Expected a trimmed share from 0 to below 1, found {trim:g}.")
    pose = _fit(source, target, mass, reflection, scaling)
    kept = np.ones(len(source), bool)
    for step in range(1, _TIGHTENING + _SETTLING + 1 if trim else 0):
        residual = np.linalg.norm(pose.apply(source) - target, axis=1)
        share = 1 - trim * min(1.0, step / _TIGHTENING)
        closest = np.argsort(residual, kind="stable")[: max(3, round(share * len(source)))]
        before, kept = kept, np.isin(np.arange(len(source)), closest)
        if step > _TIGHTENING and np.array_equal(before, kept):
            break
        pose = _fit(source, target, mass * kept, reflection, scaling)
    return pose


def _points(points: np.ndarray, name: str) -> np.ndarray:
    points = np.asarray(points, float)
    if points.ndim != 2 or points.shape[1] != 2:
        raise InputError(f"Expected {name} points of shape (n, 2), found {points.shape}.")
    if not np.isfinite(points).all():
        bad = int((~np.isfinite(points).all(axis=1)).sum())
        raise InputError(f"Expected finite {name} points, found {bad} that are not.")
    return points


def _fit(
    source: np.ndarray, target: np.ndarray, mass: np.ndarray, reflection: bool, scaling: bool
) -> Pose:
    used = mass > 0
    source, target, mass = source[used], target[used], mass[used]
    _check_spread(source, "source", reflection)
    _check_spread(target, "target", reflection)
    share = mass / mass.sum()
    source_centre, target_centre = share @ source, share @ target
    source, target = source - source_centre, target - target_centre
    u, s, vt = np.linalg.svd((target * share[:, None]).T @ source)
    signs = np.ones(2)
    if not reflection and np.linalg.det(u @ vt) < 0:
        signs[-1] = -1
    size = (s @ signs) / (share @ (source**2).sum(axis=1)) if scaling else 1.0
    linear = size * (u * signs) @ vt
    return Pose(linear, target_centre - linear @ source_centre)


def _check_spread(points: np.ndarray, name: str, reflection: bool) -> None:
    least = 3 if reflection else 2
    if len(points) < least:
        raise InputError(
            f"Expected at least {least} points to fit a pose, found {len(points)}.",
            remedy="Try more points: 2 leave a reflection open, 3 not on one line fix the pose.",
        )
    spread = flatness(points)
    if spread is None:
        raise InputError(
            f"Expected {name} points in different places, found all {len(points)} in one place."
        )
    if reflection and spread < FLAT:
        raise InputError(
            f"Expected {name} points that span the plane, found all {len(points)} on one line: "
            "they determine the pose only up to a reflection.",
            remedy="Try at least one point away from that line.",
        )


def flatness(points: np.ndarray) -> float | None:
    """Return the ratio of second to first spread: 0 on a line, None if all coincide.

    Parameters
    ----------
    points : (n, d) float
        At least one.
    """
    centred = np.asarray(points, float) - np.mean(points, axis=0)
    spreads = np.linalg.svd(centred, compute_uv=False)
    if spreads[0] <= 1e-12 * max(1e-300, float(np.abs(points).max())):
        return None
    return float(spreads[1] / spreads[0]) if len(spreads) > 1 else 0.0


def procrustes_error(true: np.ndarray, predicted: np.ndarray) -> float:
    """Return the squared distance left after the best similarity: 0 if equal, 1 at worst.

    The disparity of `scipy.spatial.procrustes`: both layouts are centred and scaled to norm 1
    first, so it does not depend on the order of the two.

    Parameters
    ----------
    true, predicted : (n, d) float
        The same cells in the same order.

    Raises
    ------
    InputError
        Shapes differ, a number is not finite, or all points of a layout coincide.
    """
    true, predicted = np.asarray(true, float), np.asarray(predicted, float)
    if true.shape != predicted.shape or true.ndim != 2:
        raise InputError(
            f"Expected two layouts of one shape (n, d), found {true.shape} and {predicted.shape}."
        )
    if not (np.isfinite(true).all() and np.isfinite(predicted).all()):
        raise InputError("Expected finite coordinates, found some that are not.")
    try:
        return float(procrustes(true, predicted)[2])
    except ValueError as error:
        raise InputError(
            "Expected layouts of distinct points, found all points in one place."
        ) from error
