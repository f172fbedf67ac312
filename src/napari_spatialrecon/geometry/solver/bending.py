"""A smooth residual: what dense landmarks reveal about the layout beyond pose and scale."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Kernel, WhiteKernel

from napari_spatialrecon.geometry.procrustes import fit_pose
from napari_spatialrecon.geometry.solver.landmarks import Landmarks

#: With fewer landmarks, length scale and noise are poorly determined: the layout is left as is.
LEAST_TO_BEND = 20

#: Share of the squared residual that the field must predict at held-out landmarks.
_LEAST_GAIN = 0.1

#: Length scale of the field in layout radii: wider is a pose, narrower follows single cells.
_NARROWEST, _WIDEST = 0.15, 3.0

#: Maximum number of landmarks for the fit; its cost grows with their cube.
_MOST = 500

#: Cells at which the field is evaluated at a time.
_BLOCK = 20_000


def residual_field(layout: np.ndarray, landmarks: Landmarks) -> np.ndarray:
    """Return the smooth displacement of each cell after the layout is fitted to its landmarks.

    The layout is fitted to the landmarks by a similarity; the residual is modelled as a Gaussian
    process over the posed layout plus independent noise at each landmark. Length scale, amplitude
    and noise maximise the marginal likelihood. A field that does not predict each landmark from the
    others better than the pose alone (by a tenth of the squared residual) is not applied.

    Parameters
    ----------
    layout : (n, 2) float
        In any frame and unit.
    landmarks
        Rows of `layout`, and their positions.

    Returns
    -------
    (n, 2) float, (x, y) in the landmarks' unit; zeros below `LEAST_TO_BEND` landmarks, or if the
    residual is not a smooth field.

    Raises
    ------
    InputError
        A landmark is not one of the cells, or the landmarks are collinear in the layout.
    """
    smoothness = fit_smoothness(layout, landmarks)
    if smoothness is None:
        return np.zeros((len(layout), 2))
    return field_at(layout, landmarks, smoothness, np.arange(len(layout)))


def fit_smoothness(layout: np.ndarray, landmarks: Landmarks) -> Kernel | None:
    """Return length scale, amplitude and noise of `residual_field`; None if there is no field."""
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
        warnings.simplefilter("ignore", ConvergenceWarning)  # reaching a bound is a valid answer
        process.fit(where[landmarks.indices[:_MOST]], left)
    return None if _left_out(process, left) > 1 - _LEAST_GAIN else process.kernel_


def field_at(
    layout: np.ndarray, landmarks: Landmarks, smoothness: Kernel, cells: np.ndarray
) -> np.ndarray:
    """Return the displacement, (k, 2), of some cells by the field of these landmarks.

    Parameters
    ----------
    smoothness
        Result of `fit_smoothness` for these landmarks or a superset.
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
    """Return the posed layout, the residuals at the landmarks (both in radii) and the radius."""
    pose = fit_pose(layout[landmarks.indices], landmarks.places)
    posed = pose.apply(layout)
    radius = float(np.sqrt(posed.var(axis=0).sum()))
    left = landmarks.places - posed[landmarks.indices]
    return posed / radius, left[:_MOST] / radius, radius


def _left_out(process: GaussianProcessRegressor, wanted: np.ndarray) -> float:
    """Return the squared leave-one-out error of the field over the squared residual.

    Rasmussen and Williams (2006), Gaussian Processes for Machine Learning, eq. 5.12.
    """
    precision = np.linalg.inv(process.L_ @ process.L_.T)
    error = (precision @ wanted) / np.diag(precision)[:, None]
    return float((error**2).sum() / max(float((wanted**2).sum()), 1e-300))


def apply_bend(places: np.ndarray, layout: np.ndarray, landmarks: Landmarks) -> np.ndarray:
    """Return solved positions, displaced by the smooth residual of their landmarks.

    Parameters
    ----------
    places : (n, 2) float, (x, y)
        Solution of eqs. 6-7, in the landmarks' frame.
    layout : (n, 2) float
        The layout from which they were solved.
    landmarks
        Hard landmarks stay exactly where they were set.
    """
    moved = places + residual_field(layout, landmarks)
    hard = landmarks.indices[landmarks.hard]
    moved[hard] = landmarks.places[landmarks.hard]
    return moved
