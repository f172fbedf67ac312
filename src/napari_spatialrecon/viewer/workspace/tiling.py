"""Slides side by side: every slide that is opened gets a tile of its own."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.canvas.tiles import Tile, lay_on, shift_of, tile_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

SLIDE = "slide"
"""Key of our metadata: the name of the slide that a layer belongs to."""
_GAP = 0.06
"""Gap between tiles, as a share of the widest slide."""
_ASPECT = 1.5
"""Width over height of what many tiles are laid out to."""

Shifts = dict[str, np.ndarray]


class Tiling:
    """The tiles of one viewer.

    Slides that lie somewhere stay there when others are opened or deleted.

    Parameters
    ----------
    viewer
        Its layers are tiled.
    """

    changed = Signal(dict)
    """Slides moved: by how much, (y, x) in µm, by the key of each."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = weakref.ref(viewer)
        self._on = True

    @property
    def on(self) -> bool:
        """Whether slides lie side by side; else each lies at its own origin."""
        return self._on

    @on.setter
    def on(self, on: bool) -> None:
        if on != self._on:
            self._on = on
            self.arrange()

    def state(self) -> dict[str, Any]:
        """Return whether slides lie side by side."""
        return {"on": self.on}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Lay slides side by side or at their origins, as they were."""
        self.on = bool(state.get("on", True))

    def place(self, layers: Iterable[Layer]) -> None:
        """Give layers that are about to be shown, or just were, the tile of their slide.

        A slide that is not open yet gets the next free place. Layers that have a tile keep it.
        """
        arriving: dict[str, list[Layer]] = {}
        for layer in layers:
            key = key_of(layer)
            if key is not None and tile_of(layer) is None:
                arriving.setdefault(key, []).append(layer)
        new = {id(layer) for group in arriving.values() for layer in group}
        open_now = {k: [x for x in g if id(x) not in new] for k, g in self._groups().items()}
        for key, group in arriving.items():
            known = open_now.setdefault(key, [])
            tile = tile_of(known[0]) if known else Tile(key, self._place(group, open_now))
            for layer in group:
                lay_on(layer, tile or Tile(key))
            known += group

    def arrange(self) -> None:
        """Lay all slides out anew, for instance after the size of one of them changed."""
        placed: dict[str, list[Layer]] = {}
        moved: Shifts = {}
        for key, group in self._groups().items():
            before = shift_of(group[0])
            for layer in group:
                lay_on(layer, Tile(key))
            by = self._place(group, placed)
            for layer in group:
                lay_on(layer, Tile(key, by))
            placed[key] = group
            if not np.allclose(by, before):
                moved[key] = np.array(by) - before
        if moved:
            self.changed.emit(moved)

    def _place(self, group: list[Layer], others: Mapping[str, list[Layer]]) -> tuple[float, float]:
        """Return the shift that lays a slide, now at its origin, beside others."""
        taken = [box for layers in others.values() if (box := _box(layers)) is not None]
        own = _box(group)
        if not self.on or own is None or not taken:
            return (0.0, 0.0)
        down, right = free_corner(np.array(taken), own[1] - own[0]) - own[0]
        return float(down), float(right)

    def _groups(self) -> dict[str, list[Layer]]:
        """Return the layers of each tile, in the order of the viewer."""
        groups: dict[str, list[Layer]] = {}
        viewer = self._viewer()
        for layer in viewer.layers if viewer is not None else ():
            tile = tile_of(layer)
            if tile is not None:
                groups.setdefault(tile.of, []).append(layer)
        return groups


def key_of(layer: Layer) -> str | None:
    """Return what tells the slide of a layer apart from others; None if it is not laid out.

    Laid out are slides, results and images that were opened from files, and simulated slides.
    """
    from napari.layers import Image

    if layer.ndim != 2:
        return None
    ours = layer.metadata.get(OURS, {})
    if ours.get("path"):
        chosen = [f"{name}={value}" for name, value in (ours.get("read") or {}).items()]
        return " ".join([str(Path(ours["path"]).resolve()), *chosen])
    if ours.get(SLIDE):
        return str(ours[SLIDE])
    file = layer.source.path if isinstance(layer, Image) and layer.rgb else None
    return None if file is None else str(Path(file).resolve())


def free_corner(taken: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return the upper left corner of the next tile.

    It continues a row, or begins a new one below, whichever keeps the whole closer to the shape of
    a window.

    Parameters
    ----------
    taken : (k, 2, 2)
        Least and greatest corner, (y, x), of each tile there is.
    size : (2,)
        Height and width of the new one.

    Examples
    --------
    >>> free_corner(np.array([[[0.0, 0.0], [100.0, 100.0]]]), np.array([100.0, 100.0]))
    array([  0., 106.])
    """
    gap = _GAP * max(float((taken[:, 1] - taken[:, 0]).max()), float(size.max()))
    low, high = taken[:, 0].min(axis=0), taken[:, 1].max(axis=0)
    corners = [np.array([high[0] + gap, low[1]])]
    for top in np.unique(taken[:, 0, 0]):
        row = taken[taken[:, 0, 0] == top]
        corners.append(np.array([top, row[:, 1, 1].max() + gap]))

    def is_free(corner: np.ndarray) -> bool:
        apart = (corner >= taken[:, 1]) | (corner + size <= taken[:, 0])
        return bool(apart.any(axis=1).all())

    def extent(corner: np.ndarray) -> float:
        height, width = np.maximum(high, corner + size) - np.minimum(low, corner)
        return float(max(width / _ASPECT, height))

    return min(filter(is_free, corners), key=extent)


def _box(layers: Iterable[Layer]) -> np.ndarray | None:
    """Return the least and greatest corner of layers, (2, 2) as (y, x); None if they are empty."""
    from napari_spatialrecon.viewer.canvas.layers import um_per_layer_unit

    boxes = [
        np.asarray(layer.extent.world, float)[:, -2:] * (um_per_layer_unit(layer) or 1.0)
        for layer in layers
    ]
    boxes = [box for box in boxes if np.isfinite(box).all()]
    if not boxes:
        return None
    return np.array([np.min([b[0] for b in boxes], axis=0), np.max([b[1] for b in boxes], axis=0)])
