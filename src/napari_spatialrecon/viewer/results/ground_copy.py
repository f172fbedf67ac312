"""A copy of the image below two sides that are shown beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.canvas.layers import linear_part, to_data
from napari_spatialrecon.viewer.canvas.passing import PASSING

if TYPE_CHECKING:
    from napari.layers import Image

_MOST_PIXELS = 4_096
"""Pixels of a copied image along each side."""


def copy_of(image: Image, low: np.ndarray, high: np.ndarray, shift: np.ndarray) -> Image | None:
    """Return the part of an image between two corners, moved by `shift`; all (y, x) in the world.

    Of a large image a level is copied that is sharp enough for the screen.

    Returns
    -------
    None where the image does not reach.
    """
    from napari.layers import Image

    levels = list(image.data) if image.multiscale else [image.data]
    whole = np.array(levels[0].shape[:2])
    world = np.array([(y, x) for y in (low[0], high[0]) for x in (low[1], high[1])])
    corners = to_data(image, world)
    start = np.clip(np.floor(corners.min(axis=0)), 0, whole).astype(int)
    stop = np.clip(np.ceil(corners.max(axis=0)), 0, whole).astype(int)
    if (stop <= start).any():
        return None
    fits = (
        level
        for level in levels
        if ((stop - start) * level.shape[0] / whole[0] < _MOST_PIXELS).all()
    )
    level = next(fits, levels[-1])
    factor = whole / np.array(level.shape[:2])
    first, last = np.floor(start / factor).astype(int), np.ceil(stop / factor).astype(int)
    part = np.asarray(level[first[0] : last[0], first[1] : last[1]])
    linear = linear_part(image)
    matrix = np.eye(3)
    matrix[:2, :2] = linear * factor
    origin = np.asarray(image._data_to_world((0.0, 0.0)), float)
    matrix[:2, 2] = origin + linear @ (first * factor + (factor - 1) / 2) + shift
    kept: dict[str, Any] = {"units": image.units, "axis_labels": image.axis_labels}
    if not image.rgb:
        limits = tuple(float(limit) for limit in image.contrast_limits)
        kept |= {"contrast_limits": limits, "colormap": image.colormap, "gamma": image.gamma}
    return Image(
        part,
        rgb=image.rgb,
        name=f"{image.name} (copy)",
        affine=matrix,
        opacity=image.opacity,
        metadata={OURS: {PASSING: True, "unit": image.metadata.get(OURS, {}).get("unit", "um")}},
        **kept,
    )
