"""Which points of a layer stand back, so that the others stand out."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Points

FAINT = 0.12
"""Opacity of points that stand back, relative to their own."""
#: Layer -> which of its points (n_points,) stand back.
_back: weakref.WeakKeyDictionary[Points, np.ndarray] = weakref.WeakKeyDictionary()


def let_stand_out(layer: Points, rows: np.ndarray | None) -> bool:
    """Let all points but these rows (k,) stand back; None lets none. Return whether that is new."""
    if rows is None:
        return _back.pop(layer, None) is not None
    back = np.ones(len(layer.data), bool)
    back[rows] = False
    _back[layer] = back
    return True


def back_of(layer: Points) -> np.ndarray | None:
    """Return which points (n_points,) stand back, another array whenever they do; None for none."""
    found = _back.get(layer)
    return found if found is not None and len(found) == len(layer.data) else None


def faint(colors: np.ndarray, back: np.ndarray | None) -> np.ndarray:
    """Return colors (n, 4), those of points that stand back faint."""
    if back is None:
        return colors
    found = np.array(colors)
    found[:, 3] *= np.where(back, FAINT, 1.0)
    return found
