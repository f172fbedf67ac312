"""A small picture of an entry: its H&E, or where its points lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatialrecon.viewer.workspace.tables import histology_of
from napari_spatialrecon.viewer.workspace.workspace import Entry, Workspace

if TYPE_CHECKING:
    from napari.layers import Image, Points

SIDE = 44
"""Longest side of a thumbnail in pixels."""


def source_of(space: Workspace, entry: Entry) -> Image | Points | None:
    """Return the layer that an entry is recognized by: its image, else its points."""
    own = histology_of(space, entry) if entry.image is None else entry
    return own.image if own is not None and own.image is not None else entry.points


def thumbnail(layer: Image | Points) -> np.ndarray:
    """Return a picture of a layer, (height, width, 3) uint8, at most `SIDE` a side.

    An image may have to be read from its file: not for the window's thread.
    """
    from napari.layers import Image

    return _pixels(layer) if isinstance(layer, Image) else _dots(np.asarray(layer.data))


def _pixels(layer: Image) -> np.ndarray:
    level: Any = layer.data[-1] if layer.multiscale else layer.data
    step = max(1, -(-max(level.shape[:2]) // SIDE))
    found = np.asarray(level[::step, ::step])
    if not layer.rgb:
        low, high = layer.contrast_limits
        grey = np.clip((found - low) / max(high - low, 1e-12), 0, 1) * 255
        return np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)
    if found.dtype != np.uint8:
        found = np.clip(found / (65535 if found.dtype == np.uint16 else 1) * 255, 0, 255)
    return np.ascontiguousarray(found[..., :3].astype(np.uint8))


def _dots(points: np.ndarray) -> np.ndarray:
    """Draw (y, x) points, the denser the lighter."""
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    y, x = points.T  # numpy takes long to reduce rows of two numbers
    finite = np.isfinite(y) & np.isfinite(x)
    if not finite.any():
        return picture
    y, x = (values if finite.all() else values[finite] for values in (y, x))
    span = max(np.ptp(y), np.ptp(x)) or 1.0
    row, column = (((one - one.min()) / span * (SIDE - 1)).astype(int) for one in (y, x))
    counts = np.bincount(row * SIDE + column, minlength=SIDE * SIDE).reshape(SIDE, SIDE)
    shade = np.sqrt(counts / counts.max())
    picture[counts > 0] = (60 + 150 * shade[counts > 0, None] * [0.6, 0.95, 1.0]).astype(np.uint8)
    return picture
