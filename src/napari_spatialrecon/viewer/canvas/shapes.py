"""Categories told apart by shape as well as by color."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.evaluation.palette import DISTINCT
from napari_spatialrecon.viewer.canvas.colors import color_key

if TYPE_CHECKING:
    from napari.layers import Points

SHAPES = ("disc", "square", "triangle_up", "diamond", "triangle_down", "cross")
MOST_SHAPED = 200_000
"""napari sets shapes one point at a time: with more points the window would stand still."""

#: Layer -> the codes that its shapes were set for.
_shaped: weakref.WeakKeyDictionary[Points, np.ndarray] = weakref.WeakKeyDictionary()


def can_shape(layer: Points) -> bool:
    """Return whether the points of a layer can have shapes by their categories."""
    key = color_key(layer)
    return key is not None and key.kind == "category" and len(layer.data) <= MOST_SHAPED


def set_shapes(layer: Points, on: bool) -> None:
    """Give each category a shape, or make all points discs again.

    Up to 20 categories take the shapes in turn. Of more, whose colors resemble each other, each
    20 share a shape, so that a color and a shape together are clear.
    """
    key = color_key(layer)
    if on and key is not None and can_shape(layer):
        kinds = np.array([shape_of(i, len(key.entries)) for i in range(len(key.entries))])
        _shaped[layer] = key.codes
        layer.symbol = kinds[key.codes]
    elif _shaped.pop(layer, None) is not None:
        layer.symbol = "disc"


def has_shapes(layer: Points) -> bool:
    """Return whether the points have the shapes of the categories that they are colored by."""
    key, codes = color_key(layer), _shaped.get(layer)
    return key is not None and codes is not None and codes is key.codes


def follow_colors(layer: Points) -> None:
    """Give a layer that had shapes those of the categories that it is colored by now."""
    if layer in _shaped and not has_shapes(layer):
        on = can_shape(layer)
        set_shapes(layer, on)


def shape_of(index: int, n: int) -> str:
    """Return the shape of one of n categories.

    Examples
    --------
    >>> shape_of(1, 5), shape_of(1, 44), shape_of(21, 44)
    ('square', 'disc', 'square')
    """
    return SHAPES[(index // DISTINCT if n > DISTINCT else index) % len(SHAPES)]
