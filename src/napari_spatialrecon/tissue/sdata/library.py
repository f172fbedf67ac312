"""The library spatialdata, which is an extra, and what is asked of it in many places."""

from __future__ import annotations

import logging
import sys
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.errors import InputError

Matrix = NDArray[np.float64]
"""A map of the plane, (3, 3) for columns (x, y, 1)."""
MICROMETRES = frozenset(
    ("um", "µm", "μm", "micron", "microns", "micrometer", "micrometers", "micrometre")
)
"""Names of the unit in axes and of coordinate systems, in lower case."""


def library() -> ModuleType:
    """Return the package spatialdata.

    Raises
    ------
    InputError
        It is not installed.
    """
    try:
        import spatialdata
        import spatialdata.models
        import spatialdata.transformations
    except ImportError as error:
        raise InputError(
            "Expected the library spatialdata, found it is not installed.",
            remedy='Try: pip install "napari-spatialrecon[spatialdata]"',
        ) from error
    # Labels are read on purpose without the image that they were drawn on.
    logging.getLogger("ome_zarr.reader").addFilter(_has_parent)
    found: ModuleType = spatialdata
    return found


def _has_parent(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("no parent found")


def is_spatialdata(value: Any) -> bool:
    """Return whether a value is a SpatialData object, without importing the library."""
    found = sys.modules.get("spatialdata")
    return found is not None and isinstance(value, found.SpatialData)


def matrices(element: Any) -> dict[str, Matrix]:
    """Return the maps of an element's own coordinates (x, y) to each of its coordinate systems."""
    held = library().transformations.get_transformation(element, get_all=True)
    axes = ("x", "y")
    return {
        str(name): np.asarray(one.to_affine_matrix(axes, axes), np.float64)
        for name, one in held.items()
    }


def applied(matrix: NDArray[Any], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points (n, 2) mapped by an affine matrix."""
    return np.asarray(points @ matrix[:2, :2].T + matrix[:2, 2], np.float64)


def scale_of(matrix: Matrix) -> float:
    """Return the factor by which a map changes lengths: the root of that of areas."""
    return float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))


def is_similarity(matrix: Matrix) -> bool:
    """Return whether a map changes lengths by the same factor in all directions, within .1%."""
    high, low = np.linalg.svd(matrix[:2, :2], compute_uv=False)
    return bool(high <= 1.001 * low)
