"""The instances of an element that a table annotates: their names, centroids and size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_spatialrecon.errors import InputError


@dataclass(frozen=True, eq=False)
class Instances:
    """The instances of an element.

    Parameters
    ----------
    index
        What the table's instance column refers to.
    points : (n, 2) float64, centroids (x, y) in the element's own coordinates
    diameter
        Median, of polygons and labels that of a circle of the same area; None of points.
    """

    index: pd.Index
    points: NDArray[np.float64]
    diameter: float | None


def instances(element: Any, name: str) -> Instances:
    """Return the instances of circles, polygons, labels or points.

    Raises
    ------
    InputError
        The element is an image, or has three dimensions.
    """
    if hasattr(element, "geometry"):
        return _of_shapes(element)
    if hasattr(element, "npartitions"):
        found = element[["x", "y"]].compute()
        return Instances(found.index, found.to_numpy(np.float64), None)
    raster = _finest(element)
    if raster.dims != ("y", "x"):
        raise InputError(
            f"Expected shapes, points or labels (y, x), found an element with axes "
            f"{', '.join(map(str, raster.dims))}.",
            remedy="Try a table that annotates shapes.",
            where=name,
        )
    return _of_labels(raster)


def _finest(raster: Any) -> Any:
    return raster["scale0"].image if "scale0" in getattr(raster, "children", ()) else raster


def _of_shapes(shapes: Any) -> Instances:
    if (shapes.geometry.geom_type == "Point").all():
        points = np.column_stack([shapes.geometry.x, shapes.geometry.y])
        diameters = 2 * np.asarray(shapes["radius"], np.float64)
    else:
        centroids = shapes.geometry.centroid
        points = np.column_stack([centroids.x, centroids.y])
        diameters = 2 * np.sqrt(np.asarray(shapes.geometry.area, np.float64) / np.pi)
    return Instances(shapes.index, points, float(np.median(diameters)) if len(points) else None)


def _of_labels(raster: Any) -> Instances:
    """Return labels above 0, block by block: a pixel's center lies half a pixel from its corner."""
    sums: list[pd.DataFrame] = []
    pixels = raster.data
    starts = [np.cumsum([0, *sizes]) for sizes in pixels.chunks]
    for row, column in np.ndindex(*pixels.numblocks):
        block = np.asarray(pixels.blocks[row, column])
        y, x = np.nonzero(block)
        found = pd.DataFrame({"label": block[y, x], "pixels": 1.0})
        found["x"], found["y"] = x + 0.5 + starts[1][column], y + 0.5 + starts[0][row]
        sums.append(found.groupby("label").sum())
    total = pd.concat(sums).groupby(level=0).sum()
    points = total[["x", "y"]].to_numpy() / total[["pixels"]].to_numpy()
    middle = float(np.median(total["pixels"])) if len(total) else None
    return Instances(total.index, points, None if middle is None else 2 * np.sqrt(middle / np.pi))
