"""What the window shows of a layer, in the layer's own coordinates."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Points


def view_of(
    viewer: ViewerModel | None, layer: Points, corners: np.ndarray, across: int
) -> tuple[np.ndarray, float | None]:
    """Return what the window shows of a layer, and the width of a pixel of the canvas.

    Parameters
    ----------
    corners : (2, n_dims)
        Of what the canvas shows, in the world.
    across
        Width of the canvas in pixels of the screen.

    Returns
    -------
    view : (2, 2)
        Low and high x, y of the layer's data; infinite in three dimensions.
    step
        None where lengths are not the same in all directions.
    """
    displayed = list(layer._slice_input.displayed)
    if viewer is None or len(displayed) != 2 or viewer.dims.ndisplay != 2:
        return np.array([[-np.inf], [np.inf]]), None
    world = corners[:, list(viewer.dims.displayed)]
    transform = layer._transforms[1:].simplified.set_slice(displayed)
    data = np.asarray(transform.inverse(list(product(*world.T))))[:, ::-1]
    view = np.stack([data.min(axis=0), data.max(axis=0)])
    matrix = np.asarray(transform.linear_matrix)
    square = matrix.T @ matrix
    scale = float(np.sqrt(abs(np.linalg.det(matrix))))
    if viewer.canvas.grid.enabled or not np.allclose(square, scale**2 * np.eye(2), rtol=1e-3):
        return view, None
    return view, float(abs(world[1, 1] - world[0, 1])) / max(across, 1) / scale
