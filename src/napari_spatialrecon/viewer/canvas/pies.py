"""Mixtures of cell types as pies over the points of a layer.

The layer remains an ordinary napari layer, which can be moved, hidden, faded and clicked. Its
points are colored by the main type, which remains visible where pies are too small.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.viewer.canvas.colors import color_key
from napari_spatialrecon.viewer.canvas.palette import MISSING, to_rgba
from napari_spatialrecon.viewer.canvas.point_nodes import drawers

if TYPE_CHECKING:
    from napari.layers import Points

    from napari_spatialrecon.viewer.canvas.colors import ColorKey
    from napari_spatialrecon.viewer.canvas.pie_visual import PieNode

SECTORS = 8
"""Most sectors of a pie; the rest is grey."""

_pies: weakref.WeakKeyDictionary[Points, Pies] = weakref.WeakKeyDictionary()


def sectors(proportions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sectors of the largest types of each spot, in the order of the types.

    Parameters
    ----------
    proportions : (n_spots, n_types), rows sum to 1

    Returns
    -------
    ends : (n_spots, 8) float32
        End of each sector, as a fraction of a turn; unused sectors end where the last one does.
    kinds : (n_spots, 8) int
        Column of each sector.
    """
    shares = np.asarray(proportions, float)
    n, n_types = shares.shape
    most = min(SECTORS, n_types)
    largest = np.argpartition(-shares, most - 1, axis=1)[:, :most]
    kinds = np.zeros((n, SECTORS), int)
    kinds[:, :most] = np.sort(largest, axis=1)
    widths = np.zeros((n, SECTORS))
    widths[:, :most] = np.take_along_axis(shares, kinds[:, :most], axis=1)
    ends = widths.cumsum(axis=1)
    ends[ends > 1 - 1e-3] = 1.001
    return ends.astype(np.float32), kinds


class Pies:
    """Draws the pies of one points layer in every window that shows it.

    They are visible while the layer is colored by its main types, in the colors of its legend, and
    follow which points are shown and selected.

    Parameters
    ----------
    proportions : (n_points, n_types)
    types
        Names of the types: those of the layer's legend while the pies are visible.
    """

    def __init__(self, layer: Points, proportions: np.ndarray, types: Sequence[str]) -> None:
        self._layer = weakref.ref(layer)
        self._types = tuple(types)
        self._ends, self._kinds = sectors(proportions)
        self._nodes: list[PieNode] = []
        self._shown: np.ndarray | None = None
        self._chosen: set[int] = set()
        self._add_nodes(layer)
        layer.events.face_color.connect(self._recolor)
        layer.events.set_data.connect(self._follow_shown)
        layer.events.highlight.connect(self._follow_chosen)
        layer.events.size.connect(self._place)
        self._recolor()

    @property
    def visible(self) -> bool:
        """Whether the layer is colored by its types."""
        return self._key() is not None

    @property
    def drawn(self) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Ends and colors of the sectors, and the color of the rest; None while hidden.

        They are (n_points, 8) float, shares of a turn, (n_points, 8, 4) RGBA, and (4,).
        """
        key = self._key()
        if key is None:
            return None
        palette = np.array([entry.color for entry in key.entries], float)
        return self._ends, palette[self._kinds], np.asarray(to_rgba(MISSING), float)

    def remove(self) -> None:
        """Remove the pies."""
        layer = self._layer()
        if layer is not None:
            layer.events.face_color.disconnect(self._recolor)
            layer.events.set_data.disconnect(self._follow_shown)
            layer.events.highlight.disconnect(self._follow_chosen)
            layer.events.size.disconnect(self._place)
        for node in self._nodes:
            node.parent = None
        self._nodes = []

    def _add_nodes(self, layer: Points) -> None:
        for drawer in drawers(layer):
            from napari_spatialrecon.viewer.canvas.pie_visual import PieNode

            self._nodes.append(PieNode(parent=drawer.node))
        self._place()

    def _place(self) -> None:
        layer = self._layer()
        if layer is None or len(layer.data) != len(self._ends):
            return
        places, radii = layer.data[:, ::-1], np.asarray(layer.size, float) / 2
        for node in self._nodes:
            node.set_pies(places, radii, self._ends, self._kinds)
        self._shown, self._chosen = None, set()
        self._follow_shown()
        self._follow_chosen()

    def _follow_shown(self) -> None:
        layer = self._layer()
        if layer is None or len(layer.shown) != len(self._ends):
            return
        shown = np.array(layer.shown)
        if self._shown is None or not np.array_equal(shown, self._shown):
            self._shown = shown
            for node in self._nodes:
                node.set_shown(shown)

    def _follow_chosen(self) -> None:
        layer = self._layer()
        if layer is None or set(layer.selected_data) == self._chosen:
            return
        self._chosen = {int(i) for i in layer.selected_data}
        chosen = np.isin(np.arange(len(self._ends)), list(self._chosen))
        for node in self._nodes:
            node.set_chosen(chosen)

    def _recolor(self) -> None:
        key = self._key()
        for node in self._nodes:
            node.visible = key is not None
            if key is not None:
                colors = [entry.color for entry in key.entries]
                node.set_palette(np.array([*colors, to_rgba(MISSING)], np.float32))

    def _key(self) -> ColorKey | None:
        """Return the layer's color key if it shows the types."""
        layer = self._layer()
        key = None if layer is None else color_key(layer)
        named = key is not None and tuple(e.name for e in key.entries) == self._types
        return key if named else None


def show_pies(layer: Points, proportions: np.ndarray, types: Sequence[str]) -> Pies:
    """Draw mixtures over the points of a layer in a viewer, replacing earlier ones."""
    if layer in _pies:
        _pies.pop(layer).remove()
    _pies[layer] = Pies(layer, proportions, types)
    return _pies[layer]


def pies_of(layer: Points) -> Pies | None:
    """Return the pies of a layer."""
    return _pies.get(layer)
