"""Which categories of a points layer are hidden; every legend of the layer agrees on it."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_spatialrecon.viewer.canvas.colors import color_key
from napari_spatialrecon.viewer.canvas.point_nodes import show_points

if TYPE_CHECKING:
    from napari.layers import Points


class HiddenEvents:
    """Emits the layer whose hidden categories changed."""

    changed = Signal(object)


hidden_events = HiddenEvents()


@dataclass
class _Hidden:
    """Hidden entries of a key's codes, and what was shown before."""

    codes: np.ndarray
    entries: frozenset[int]
    base: np.ndarray


_hidden: weakref.WeakKeyDictionary[Points, _Hidden] = weakref.WeakKeyDictionary()


def hidden_entries(layer: Points) -> frozenset[int]:
    """Return the indices of the hidden entries of the layer's key."""
    kept, key = _hidden.get(layer), color_key(layer)
    return kept.entries if kept and key is not None and key.codes is kept.codes else frozenset()


def hide_entries(layer: Points, entries: Iterable[int]) -> None:
    """Hide the points of these entries of the layer's key, and show those of all others.

    Points that were hidden otherwise stay hidden.
    """
    key, wanted, kept = color_key(layer), frozenset(entries), _hidden.get(layer)
    if key is None or wanted == hidden_entries(layer):
        return
    if not wanted:
        forget_hidden(layer)
        return
    fits = kept is not None and len(kept.base) == len(layer.data)
    base = kept.base if kept is not None and fits else np.array(layer.shown)
    _hidden[layer] = _Hidden(key.codes, wanted, base)
    # One more element at the end for code -1: points colored by a color map are always shown.
    visible = np.ones(len(key.entries) + 1, bool)
    visible[list(wanted)] = False
    show_points(layer, base & visible[key.codes])
    hidden_events.changed.emit(layer)


def forget_hidden(layer: Points) -> None:
    """Show every category again."""
    kept = _hidden.pop(layer, None)
    if kept is None:
        return
    shown = np.ones(len(layer.data), bool)
    n = min(len(shown), len(kept.base))
    shown[:n] = kept.base[:n]
    show_points(layer, shown)
    hidden_events.changed.emit(layer)


def forget_outdated(layer: Points) -> None:
    """Show every category again if the layer is colored by something else since."""
    kept, key = _hidden.get(layer), color_key(layer)
    if kept is not None and (key is None or key.codes is not kept.codes):
        forget_hidden(layer)
