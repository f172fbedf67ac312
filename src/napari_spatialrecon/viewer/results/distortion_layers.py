"""A map of the distortion between two layouts: an image of it, and the deformed grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.viewer.results.pieces import World, mapped

if TYPE_CHECKING:
    from napari.layers import Image, Vectors

    from napari_spatialrecon.geometry.distortion import Distortion

Of = Literal["area", "shear"]
TITLES: dict[Of, str] = {"area": "change of area", "shear": "shear"}
"""What a map shows."""
AREA_COLORS, SHEAR_COLORS = "PiYG", "magma"


def distortion_image(found: Distortion, of: Of, world: World, name: str) -> Image:
    """Return a map of the change of area (log2) or of the shear."""
    from napari.layers import Image

    values, limits, colors = distortion_values(found, of)
    pixels, origin, pixel = found.drawn(values)
    move = np.diag([pixel, pixel, 1.0])
    move[:2, 2] = origin[::-1]
    return Image(
        mapped(pixels, limits, colors),
        rgb=True,
        name=name,
        affine=world.matrix @ move,
        interpolation2d="linear",
        opacity=0.75,
        **world.kept,
    )


def distortion_lines(found: Distortion, world: World, name: str) -> Vectors:
    """Return the grid of the first layout as the second deforms it."""
    from napari.layers import Vectors

    start, end = (world(found.lines[:, at]) for at in (0, 1))
    return Vectors(
        np.stack([start, end - start], axis=1),
        name=name,
        vector_style="line",
        edge_width=found.step * world.length * 0.06,
        edge_color="white",
        opacity=0.8,
        **world.kept,
    )


def distortion_values(
    found: Distortion, of: Of
) -> tuple[NDArray[np.float64], tuple[float, float], str]:
    """Return the values drawn at the nodes, the ends of the color map, and its name.

    A change of area is drawn as its log2, from a quarter to four times; a fold counts as the
    smallest area.
    """
    if of == "area":
        area = np.maximum(found.area, 2.0**-2)
        return np.log2(np.where(np.isnan(found.area), np.nan, area)), (-2.0, 2.0), AREA_COLORS
    return found.shear, (1.0, 4.0), SHEAR_COLORS
