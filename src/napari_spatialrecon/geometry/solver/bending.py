"""A smooth residual: what dense landmarks say of the layout beyond its pose and scale."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Kernel, WhiteKernel

from napari_spatialrecon.geometry.procrustes import fit_pose
from napari_spatialrecon.geometry.solver.landmarks import Landmarks

#: Fewer landmarks say little of a residual's reach and its noise: the layout is left as it is.
LEAST_TO_BEND = 20

#: Share of the squared residual that the field must predict at landmarks it has not seen.
_LEAST_GAIN = 0.1

#: Reach of the field in radii of the layout: wider is a pose, narrower follows single cells.
_NARROWEST, _WIDEST = 0.15, 3.0

#: Landmarks that the field is fitted to at most; its cost grows with their cube.
_MOST = 500

#: Cells that the field is evaluated at together.
_BLOCK = 20_000


def residual_field(layout: np.ndarray, landmarks: Landmarks) -> np.ndarray:
    """Return how far a smooth field moves each cell once the layout lies over its landmarks.

    The layout is laid over the landmarks by a similarity; what is left there is taken for a
    Gaussian process over the posed layout plus noise of each landmark. Reach, height and noise are
    those of greatest marginal likelihood. A field that does not predict each landmark from the
    others better than the pose alone (by a tenth of the squared residual) bends nothing.

    Parameters
    ----------
    layout : (n, 2) float
        In any frame and unit.
    landmarks
        Rows of `layout`, and where they sit.

    Returns
    -------
    (n, 2) float, (x, y) in the landmarks' unit; zeros below `LEAST_TO_BEND` landmarks, and where
    the residual is no field.

    Raises
    ------
    InputError
        A landmark is none of the cells, or the landmarks' places in the layout lie on a line.
    """
    smoothness = fit_smoothness(layout, landmarks)
    if smoothness is None:
        return np.zeros((len(layout), 2))
    return field_at(layout, landmarks, smoothness, np.arange(len(layout)))


def fit_smoothness(layout: np.ndarray, landmarks: Landmarks) -> Kernel | None:
    """Return reach, height and noise of the field of `residual_field`; None where it is none."""
    landmarks.check_cells(len(layout))
    if len(landmarks) < LEAST_TO_BEND:
        return None
    where, left, _ = _residuals(layout, landmarks)
    height = max(float(np.mean(left**2)), 1e-12)
    kernel = ConstantKernel(height, (1e-3 * height, 1e2 * height)) * RBF(
        0.5, (_NARROWEST, _WIDEST)
    ) + WhiteKernel(height, (1e-4 * height, 1e2 * height))
    process = GaussianProcessRegressor(kernel, n_restarts_optimizer=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a bound that is reached is an answer
        process.fit(where[landmarks.indices[:_MOST]], left)
    return None if _left_out(process, left) > 1 - _LEAST_GAIN else process.kernel_


def field_at(
    layout: np.ndarray, landmarks: Landmarks, smoothness: Kernel, cells: np.ndarray
) -> np.ndarray:
    """Return how far the field of these landmarks moves some cells, (k, 2).

    Parameters
    ----------
    smoothness
        Of `fit_smoothness`, of these landmarks or of more.
    cells : (k,) int
        Rows of `layout`.
    """
    where, left, radius = _residuals(layout, landmarks)
    process = GaussianProcessRegressor(smoothness, optimizer=None)
    process.fit(where[landmarks.indices[:_MOST]], left)
    blocks = [
        process.predict(where[cells[start : start + _BLOCK]])
        for start in range(0, len(cells), _BLOCK)
    ]
    return np.asarray(np.concatenate(blocks) * radius)


def _residuals(layout: np.ndarray, landmarks: Landmarks) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the posed layout, what is left at the landmarks (both in radii), and the radius."""
    pose = fit_pose(layout[landmarks.indices], landmarks.places)
    posed = pose.apply(layout)
    radius = float(np.sqrt(posed.var(axis=0).sum()))
    left = landmarks.places - posed[landmarks.indices]
    return posed / radius, left[:_MOST] / radius, radius


def _left_out(process: GaussianProcessRegressor, wanted: np.ndarray) -> float:
    """Return the squared error at each landmark of the field of the others, over the residual's.

    Rasmussen and Williams (2006), Gaussian Processes for Machine Learning, eq. 5.12.
    """
    precision = np.linalg.inv(process.L_ @ process.L_.T)
    error = (precision @ wanted) / np.diag(precision)[:, None]
    return float((error**2).sum() / max(float((wanted**2).sum()), 1e-300))


def apply_bend(places: np.ndarray, layout: np.ndarray, landmarks: Landmarks) -> np.ndarray:
    """Return solved places moved by the smooth residual of their landmarks.

    Parameters
    ----------
    places : (n, 2) float, (x, y)
        As eqs. 6-7 place them, in the landmarks' frame.
    layout : (n, 2) float
        The layout that they were solved from.
    landmarks
        Hard ones stay exactly where they were set.
    """
    moved = places + residual_field(layout, landmarks)
    hard = landmarks.indices[landmarks.hard]
    moved[hard] = landmarks.places[landmarks.hard]
    return moved
