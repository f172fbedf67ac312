"""Mean of several layouts of the same cells, each in its own pose."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import orthogonal_procrustes

from napari_spatialrecon.errors import InputError

#: Rounds of aligning all layouts to their mean.
_ROUNDS = 5


def mean_layout(
    layouts: Sequence[np.ndarray], weights: Sequence[float] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the generalised Procrustes mean of `layouts` and their spread around it.

    Each layout is rotated, reflected and translated, but not scaled, onto the mean of all, and the
    mean is computed again (Gower 1975, https://doi.org/10.1007/BF02291478). The pose is that of the
    first layout, which matters where a tissue is nearly symmetric and poses are ambiguous.

    Parameters
    ----------
    layouts : k arrays (n, d) float
        The same cells in the same order and unit. Collinear or coincident layouts are allowed.
    weights : (k,) float, optional
        Weight of each layout in the mean, above 0; equal if None.

    Returns
    -------
    mean : (n, d) float
        Centred.
    spread : (n,) float
        Weighted mean squared distance of a cell's positions from their mean.

    Raises
    ------
    InputError
        There is no layout, shapes differ, a number is not finite or a weight is not above 0.

    Examples
    --------
    >>> square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 3.0]])
    >>> mean, spread = mean_layout([square, square[:, ::-1] + 7])
    >>> bool(np.allclose(mean, square - square.mean(axis=0))), bool(np.allclose(spread, 0))
    (True, True)
    """
    centred = [_centred(layout) for layout in layouts]
    if len({y.shape for y in centred}) != 1:
        shapes = sorted({y.shape for y in centred})
        raise InputError(f"Expected layouts of one shape, found {shapes if shapes else 'none'}.")
    if weights is not None and not (
        len(weights) == len(centred) and np.isfinite(weights).all() and np.min(weights) > 0
    ):
        raise InputError(f"Expected a weight above 0 for each of {len(centred)} layouts.")
    mean = centred[0]
    for _ in range(_ROUNDS if len(centred) > 1 else 0):
        centred = [y @ orthogonal_procrustes(y, mean)[0] for y in centred]
        mean = np.average(centred, axis=0, weights=weights)
    squares = [((y - mean) ** 2).sum(axis=1) for y in centred]
    return mean, np.average(squares, axis=0, weights=weights)


def _centred(layout: np.ndarray) -> np.ndarray:
    layout = np.asarray(layout, float)
    if layout.ndim != 2 or not len(layout) or not np.isfinite(layout).all():
        raise InputError(f"Expected finite layouts (n, d), found one of shape {layout.shape}.")
    return layout - layout.mean(axis=0)
