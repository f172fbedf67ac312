"""Slides side by side: each lies on a tile, a shift in the world that every conversion undoes.

A tile is the last step of a layer's affine map, and is written into its metadata. So a result that
follows a moved image follows its tile, and a table that is saved gets the slide's own coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatialrecon.tissue.slots import OURS

if TYPE_CHECKING:
    from napari.layers import Layer

_TILE = "tile"


@dataclass(frozen=True)
class Tile:
    """The place of a slide on the canvas.

    Parameters
    ----------
    of
        What lies on it: the key of a slide, which its image, spots and results share.
    by
        Shift (y, x) from its own origin, in µm (in the slide's unit where its scale is unknown).
    """

    of: str
    by: tuple[float, float] = (0.0, 0.0)


def tile_of(layer: Layer) -> Tile | None:
    """Return the tile that a layer lies on; None of a layer that was never tiled."""
    held = layer.metadata.get(OURS, {}).get(_TILE)
    if held is None:
        return None
    down, right = held["by"]
    return Tile(str(held["of"]), (float(down), float(right)))


def shift_of(layer: Layer | None) -> np.ndarray:
    """Return how far a layer's tile shifts it, (2,) as (y, x); zero without a tile."""
    tile = None if layer is None else tile_of(layer)
    return np.zeros(2) if tile is None else np.array(tile.by)


def tile_slot(layer: Layer | None) -> dict[str, Any]:
    """Return what the slots of ours have to hold of a layer that lies where this one does."""
    held = None if layer is None else layer.metadata.get(OURS, {}).get(_TILE)
    return {} if held is None else {_TILE: held}


def claim(layer: Layer, tile: Tile | None) -> None:
    """Count a layer to a tile, without moving it."""
    held = {key: value for key, value in layer.metadata.get(OURS, {}).items() if key != _TILE}
    if tile is not None:
        held[_TILE] = {"of": tile.of, "by": list(tile.by)}
    layer.metadata = {**layer.metadata, OURS: held}


def lay_on(layer: Layer, tile: Tile | None) -> None:
    """Move a two-dimensional layer from its tile, if it has one, to another, or off all tiles.

    Wherever the user moved it on its tile, it lies there on the new one. The button of napari that
    resets a transform returns to the tile.
    """
    from napari_spatialrecon.viewer.canvas.layers import um_per_layer_unit

    by = np.zeros(2) if tile is None else np.array(tile.by)
    step = (by - shift_of(layer)) / (um_per_layer_unit(layer) or 1.0)
    claim(layer, tile)
    if step.any():
        start, now = layer._initial_affine.affine_matrix, layer.affine.affine_matrix
        layer._initial_affine, layer.affine = _shifted(start, step), _shifted(now, step)


def _shifted(matrix: np.ndarray, step: np.ndarray) -> Any:
    from napari.utils.transforms import Affine

    shifted = np.array(matrix, float)
    shifted[-3:-1, -1] += step
    return Affine(affine_matrix=shifted)
