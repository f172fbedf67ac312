"""Single elements of SpatialData: circles and an image, and the coordinate systems they lie in."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from napari_spatialrecon.tissue.images import Histology
from napari_spatialrecon.tissue.sdata.library import Matrix, library

#: Maps that a SpatialData `Affine` can hold; others are applied to the coordinates.
AFFINE = ("similarity", "affine")
#: Longest side of the coarsest level of an image, and side of a chunk.
_COARSE, _CHUNK = 512, 1024
Systems = dict[str, Matrix]
"""Coordinate systems, with the map to each from the frame of a table."""


def circles(points: np.ndarray, radius: Any, index: Any, systems: Systems) -> Any:
    """Return circles with radii, lying in coordinate systems by affine matrices."""
    return library().models.ShapesModel.parse(
        points, geometry=0, radius=radius, index=index, transformations=transformations_of(systems)
    )


def affine(matrix: Matrix) -> Any:
    """Return a transformation of (x, y) by a (3, 3) matrix."""
    transformations = library().transformations
    if np.array_equal(matrix, np.eye(3)):
        return transformations.Identity()
    return transformations.Affine(matrix, ("x", "y"), ("x", "y"))


def transformations_of(systems: Systems) -> dict[str, Any]:
    """Return the transformation to each coordinate system."""
    return {name: affine(matrix) for name, matrix in systems.items()}


def picture(image: Histology, systems: Systems) -> Any:
    """Return an image with coarser levels down to 512 pixels, not yet read."""
    import dask.array as da

    finest: Any = image.levels[0]
    pixels = da.from_array(finest, chunks=(_CHUNK, _CHUNK, 3), name=False)
    halvings = max(0, math.ceil(math.log2(max(finest.shape[:2]) / _COARSE)))
    grow = np.diag([image.units_per_pixel, image.units_per_pixel, 1.0])
    return library().models.Image2DModel.parse(
        da.moveaxis(pixels, -1, 0),
        dims=("c", "y", "x"),
        c_coords=["r", "g", "b"],
        scale_factors=[2] * halvings or None,
        transformations=transformations_of({s: m @ grow for s, m in systems.items()}),
    )
