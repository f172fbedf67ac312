"""Maps of the plane, fitted to landmark pairs: similarity, affine, projective, thin-plate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from scipy.interpolate import RBFInterpolator
from skimage.transform import AffineTransform, ProjectiveTransform

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.procrustes import Pose, fit_pose, flatness

#: Models, and the smallest number of pairs that determines each.
LEAST_PAIRS = {"similarity": 3, "affine": 3, "projective": 4, "thin-plate": 4}
SPLINE = "thin-plate"

#: Landmarks with a smaller ratio of second to first spread do not determine one direction.
_FLAT = 1e-3
#: Two landmarks closer than this share of the overall spread count as coincident.
_COINCIDENT = 1e-6
#: Condition of a matrix, between landmarks scaled to spread 1, above which it maps all to a line.
_SINGULAR = 1e8
#: Newton steps to invert a spline, and their tolerance as a share of its landmarks' spread.
_STEPS, _CLOSE = 30, 1e-9


@dataclass(frozen=True, eq=False)
class Transform:
    """A map of the plane, (x, y) to (x, y).

    Parameters
    ----------
    model
        ``similarity``, ``affine``, ``projective`` or ``thin-plate``.
    matrix : (3, 3) float
        Maps columns (x, y, 1) to projective coordinates of the target; for a spline, the affine map
        that best fits its landmarks.
    source, target : (k, 2) float
        Landmarks of a spline; empty for the other models.
    smoothing
        Smoothing of a spline: 0 passes through every landmark, 1 hardly bends.

    Examples
    --------
    >>> double = Transform("affine", np.diag([2.0, 2.0, 1.0]))
    >>> double.apply(np.array([[1.0, 3.0]]))
    array([[2., 6.]])
    >>> double.inverse_apply(np.array([[2.0, 6.0]]))
    array([[1., 3.]])
    """

    model: str
    matrix: np.ndarray
    source: np.ndarray = None  # type: ignore[assignment]
    target: np.ndarray = None  # type: ignore[assignment]
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        for name in ("source", "target"):
            points = getattr(self, name)
            points = np.empty((0, 2)) if points is None else np.asarray(points, float)
            object.__setattr__(self, name, points.reshape(-1, 2))

    @classmethod
    def identity(cls) -> Self:
        """Return the identity map."""
        return cls("similarity", np.eye(3))

    @classmethod
    def from_pose(cls, pose: Pose) -> Self:
        """Return a pose as a transform."""
        return cls("similarity", pose.matrix)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Return the transform that `to_dict` described.

        Raises
        ------
        InputError
            The content does not describe a transform.
        """
        model = str(content.get("model"))
        matrix = np.asarray(content.get("matrix", np.nan), float)
        if model not in LEAST_PAIRS or matrix.shape != (3, 3) or not np.isfinite(matrix).all():
            raise InputError(
                f"Expected a model of {', '.join(LEAST_PAIRS)} and a 3 x 3 matrix, "
                f"found {model!r} and shape {matrix.shape}.",
                remedy="Try aligning the slide again.",
                where="alignment",
            )
        empty = np.empty((0, 2))
        source, target = content.get("source", empty), content.get("target", empty)
        return cls(model, matrix, source, target, float(content.get("smoothing", 0.0)))

    def to_dict(self) -> dict[str, Any]:
        """Return arrays, a string and a number, which `uns` of an h5ad file can hold."""
        content: dict[str, Any] = {"model": self.model, "matrix": self.matrix}
        if self.model == SPLINE:
            content |= {"source": self.source, "target": self.target, "smoothing": self.smoothing}
        return content

    @property
    def reflected(self) -> bool:
        """Whether the map flips the tissue."""
        return bool(np.linalg.det(self.matrix[:2, :2]) < 0)

    @property
    def scale(self) -> float:
        """Length of one source unit in the target, by the affine part."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:2, :2]))))

    @property
    def rotation(self) -> float:
        """Rotation of the x axis in degrees, clockwise on a screen whose y points down."""
        return float(np.degrees(np.arctan2(self.matrix[1, 0], self.matrix[0, 0])))

    @cached_property
    def _bend(self) -> RBFInterpolator:
        """The spline between landmarks scaled to spread 1, so that smoothing has no unit."""
        source, target = self._normal
        return RBFInterpolator(
            (self.source - source[0]) / source[1],
            (self.target - target[0]) / target[1],
            kernel="thin_plate_spline",
            smoothing=self.smoothing,
        )

    @cached_property
    def _normal(self) -> tuple[tuple[np.ndarray, float], tuple[np.ndarray, float]]:
        return _normalised(self.source), _normalised(self.target)

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Return `points`, (n, 2) as (x, y), in the target frame.

        Raises
        ------
        InputError
            A projective map sends some points beyond its horizon.
        """
        points = np.asarray(points, float)
        if not len(points):
            return points.reshape(0, 2)
        if self.model == SPLINE:
            (centre, spread), (to_centre, to_spread) = self._normal
            return np.asarray(self._bend((points - centre) / spread) * to_spread + to_centre)
        return _projected(self.matrix, points)

    def inverse_apply(self, points: np.ndarray) -> np.ndarray:
        """Return the (n, 2) that `apply` maps to `points`; for a spline, by Newton steps."""
        points = np.asarray(points, float)
        start = _projected(np.linalg.inv(self.matrix), points)
        if self.model != SPLINE or not len(points):
            return start
        (_, spread), (_, to_spread) = self._normal
        found = start
        for _ in range(_STEPS):
            left = self.apply(found) - points
            if np.abs(left).max() < _CLOSE * to_spread:
                break
            step = 1e-4 * spread
            by_x, by_y = (
                (self.apply(found + shift) - self.apply(found - shift)) / (2 * step)
                for shift in (np.array([step, 0.0]), np.array([0.0, step]))
            )
            jacobian = np.stack([by_x, by_y], axis=2)
            found = found - np.linalg.solve(jacobian, left[:, :, None])[:, :, 0]
        return found

    def before(self, pose: Pose) -> Transform:
        """Return the transform that applies this one first and then `pose`."""
        matrix = pose.matrix @ self.matrix
        if self.model == SPLINE:
            return Transform(
                self.model, matrix, self.source, pose.apply(self.target), self.smoothing
            )
        return Transform(self.model, matrix / matrix[2, 2])

    def rescaled(self, source: float, target: float) -> Transform:
        """Return the same map in new units, `source` and `target` of the old ones long."""
        back, forth = np.diag([source, source, 1.0]), np.diag([1 / target, 1 / target, 1.0])
        return Transform(
            self.model,
            forth @ self.matrix @ back,
            self.source / source,
            self.target / target,
            self.smoothing,
        )


def fit_transform(
    source: np.ndarray,
    target: np.ndarray,
    model: str = "similarity",
    *,
    reflection: bool = True,
    smoothing: float = 0.0,
) -> Transform:
    """Return the least-squares map of a model from `source` to `target`.

    Parameters
    ----------
    source, target : (k, 2) float, (x, y)
        Landmarks, in pairs.
    model
        ``similarity`` (Umeyama's closed form), ``affine``, ``projective`` (both of scikit-image:
        the projective one by normalised direct linear transform) or ``thin-plate`` (scipy's radial
        basis functions).
    reflection
        Whether a similarity may flip the tissue. The other models always may.
    smoothing
        Smoothing of a thin-plate spline, at least 0.

    Raises
    ------
    InputError
        The model is unknown, there are too few pairs (the message says how many are missing),
        they coincide or lie on a line, or a number is not finite.

    Examples
    --------
    >>> corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    >>> mirrored = fit_transform(corners, corners * [-1.0, 1.0])
    >>> mirrored.reflected, round(mirrored.scale, 6)
    (True, 1.0)
    """
    source, target = np.asarray(source, float), np.asarray(target, float)
    _check(source, target, model)
    if model == "similarity":
        return Transform.from_pose(fit_pose(source, target, reflection=reflection))
    if model == SPLINE:
        affine = np.asarray(AffineTransform.from_estimate(source, target).params)
        return Transform(model, affine, source, target, smoothing)
    kind = AffineTransform if model == "affine" else ProjectiveTransform
    found = kind.from_estimate(source, target)
    if not found:
        raise _degenerate(model)
    matrix = np.asarray(found.params, float)
    if not np.isfinite(matrix).all() or _condition(matrix, source, target) > _SINGULAR:
        raise _degenerate(model)
    fitted = Transform(model, matrix / matrix[2, 2])
    fitted.apply(source)
    return fitted


def residuals(transform: Transform, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the distance, (k,), of each mapped source landmark to its target."""
    return np.asarray(np.linalg.norm(transform.apply(source) - target, axis=1))


def _check(source: np.ndarray, target: np.ndarray, model: str) -> None:
    if model not in LEAST_PAIRS:
        raise InputError(
            f"Expected a model of {', '.join(LEAST_PAIRS)}, found {model!r}.",
            remedy="Try similarity.",
        )
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 2:
        raise InputError(
            f"Expected landmarks in pairs of (x, y), found shapes {source.shape} and "
            f"{target.shape}.",
            where="landmarks",
        )
    bad = np.flatnonzero(~(np.isfinite(source) & np.isfinite(target)).all(axis=1))
    if len(bad):
        raise InputError(
            f"Expected finite landmarks, found pair {bad[0] + 1} not finite.",
            remedy="Try setting its position or removing it.",
            where="landmarks",
        )
    missing = LEAST_PAIRS[model] - len(source)
    if missing > 0:
        fewer = " or the model similarity" if len(source) >= 3 else ""
        raise InputError(
            f"Expected at least {LEAST_PAIRS[model]} pairs for the model {model}, "
            f"found {len(source)}.",
            remedy=f"Try {missing} more pair{'s' if missing > 1 else ''}{fewer}.",
            where="landmarks",
        )
    for points, side in ((source, "layer"), (target, "image")):
        _check_spread(points, side, model)


def _check_spread(points: np.ndarray, side: str, model: str) -> None:
    flat = flatness(points)
    if flat is None or flat < _FLAT:
        found = "in one place" if flat is None else "on one line"
        raise InputError(
            f"Expected landmarks on the {side} that span the plane, found all "
            f"{len(points)} {found}.",
            remedy="Try a pair well away from that line.",
            where="landmarks",
        )
    if model not in ("projective", SPLINE):
        return
    spread = _normalised(points)[1]
    order = np.lexsort(points.T)
    apart = np.abs(np.diff(points[order], axis=0)).max(axis=1)
    if (apart < _COINCIDENT * spread).any():
        same = order[int(np.argmin(apart)) : int(np.argmin(apart)) + 2] + 1
        raise InputError(
            f"Expected landmarks on the {side} in different places, found pairs {same.min()} and "
            f"{same.max()} in one.",
            remedy="Try removing one of the two.",
            where="landmarks",
        )


def _degenerate(model: str) -> InputError:
    return InputError(
        f"Expected pairs that determine the model {model}, found pairs that do not: three lie on "
        "one line, or the pairs contradict each other.",
        remedy="Try another pair away from the others, or the model affine.",
        where="landmarks",
    )


def _condition(matrix: np.ndarray, source: np.ndarray, target: np.ndarray) -> float:
    """Return the condition of a map between landmarks that are scaled to spread 1."""
    (centre, spread), (to_centre, to_spread) = _normalised(source), _normalised(target)
    back = np.array([[spread, 0, centre[0]], [0, spread, centre[1]], [0, 0, 1]])
    forth = np.array([[to_spread, 0, to_centre[0]], [0, to_spread, to_centre[1]], [0, 0, 1]])
    return float(np.linalg.cond(np.linalg.solve(forth, matrix @ back)))


def _projected(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    sent = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    depth = sent[:, 2]
    if ((depth <= 0).any() and (depth >= 0).any()) or not depth.all():
        raise InputError(
            "Expected a projective map that keeps all points in view, found some beyond its "
            "horizon.",
            remedy="Try pairs that span the tissue, or the model affine.",
            where="landmarks",
        )
    return np.asarray(sent[:, :2] / depth[:, None])


def _normalised(points: np.ndarray) -> tuple[np.ndarray, float]:
    spread = float(np.sqrt(points.var(axis=0).sum())) if len(points) else 1.0
    return points.mean(axis=0) if len(points) else np.zeros(2), spread or 1.0
