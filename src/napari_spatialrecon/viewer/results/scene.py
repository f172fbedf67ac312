"""Two sides in the world: where both lie, on which tissue, and what it is stained by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.canvas.layers import linear_part
from napari_spatialrecon.viewer.canvas.passing import is_passing
from napari_spatialrecon.viewer.canvas.table_metadata import table_of
from napari_spatialrecon.viewer.results.pieces import SYMBOLS, World
from napari_spatialrecon.viewer.results.sides import told_apart
from napari_spatialrecon.viewer.results.words import values_of
from napari_spatialrecon.viewer.workspace.same_cells import are_same_cells
from napari_spatialrecon.viewer.workspace.selection import names_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer, Points

    from napari_spatialrecon.tasks.compared import Compared
    from napari_spatialrecon.tasks.value_comparison import ValueComparison
    from napari_spatialrecon.viewer.results.sides import Side

Source = tuple["Points | None", np.ndarray]
"""The layer of a side, and the rows (n,) of it that are compared; None and no rows without one."""
Box = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Lowest and highest (y, x) in the world."""


@dataclass(frozen=True, eq=False)
class Scene:
    """What a comparison looks like in a viewer.

    Parameters
    ----------
    sources
        Of both sides.
    world
        The map from the frame of the comparison to the world.
    state
        What of the layers it depends on.
    """

    viewer: ViewerModel
    comparison: Compared
    sides: tuple[Side, Side]
    sources: tuple[Source, Source]
    world: World
    state: tuple[object, ...]

    @classmethod
    def of(cls, viewer: ViewerModel, comparison: Compared, sides: tuple[Side, Side]) -> Scene:
        """Lay the first side where its layer shows it, and the second in its frame.

        Where the first has no layer, the second lies where its own shows it.
        """
        first, second = (_source(viewer, side, comparison) for side in sides)
        shown = first[0] is not None or second[0] is None
        places, source = (comparison.first, first) if shown else (comparison.second, second)
        world = World.of(places, comparison.unit, *source)
        found = cls(viewer, comparison, sides, (first, second), world, _state(viewer, sides))
        assert found.regions, "found here, and not while the window waits"
        return found

    def holds(self, comparison: Compared, sides: tuple[Side, Side]) -> bool:
        """Return whether it is the scene of a comparison, and no layer was changed since."""
        same = self.comparison is comparison and self.sides == sides
        return same and self.state == _state(self.viewer, sides)

    @cached_property
    def places(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where both place the cells, (n, 2) as (y, x) in the world."""
        return self.world(self.comparison.first), self.world(self.comparison.second)

    @cached_property
    def regions(self) -> tuple[Box, Box]:
        """The region of each side."""
        first, second = self.places
        return _bounds(first), _bounds(second)

    @property
    def extent(self) -> Box:
        """The region of both sides."""
        lows, highs = zip(*self.regions, strict=True)
        return np.min(lows, axis=0), np.max(highs, axis=0)

    @property
    def names(self) -> tuple[str, str]:
        """What the two are called on the canvas, where captions have to fit."""
        first, second = (side.name for side in self.sides)
        return told_apart(first, second)

    @property
    def values(self) -> ValueComparison | None:
        """The comparison, if it is one of mixtures, genes or parts."""
        return values_of(self.comparison)

    def symbol(self, number: int) -> str:
        """Return how a side is drawn: by a symbol each where they lie apart, else as it is."""
        if self.values is None:
            return SYMBOLS[number]
        return "square" if self.values.kind.task == "super-resolve" else "disc"

    def tissue(self) -> Box:
        """Return the region of both sides, and of the slide that they lie on."""
        from napari.layers import Points

        low, high = self.extent
        for layer in self.viewer.layers:
            slide = layer.metadata.get(OURS, {}).get("role") == "slide"
            if isinstance(layer, Points) and slide and len(layer.data):
                corners = _corners(layer)
                if _meet(corners, self.extent):
                    low, high = np.minimum(low, corners[0]), np.maximum(high, corners[1])
        return low, high

    def ground(self) -> list[Image]:
        """Return the images in view under the first side."""
        from napari.layers import Image

        region = self.regions[0]
        return [
            layer
            for layer in self.viewer.layers
            if isinstance(layer, Image)
            and layer.visible
            and not is_passing(layer)
            and _meet(_corners(layer), region)
        ]


def _source(viewer: ViewerModel, side: Side, comparison: Compared) -> Source:
    import pandas as pd

    for layer in side.points(viewer):
        table = table_of(layer)
        if table is not None and not are_same_cells(table, side.adata):
            continue
        found = names_of(layer)
        if np.array_equal(found, comparison.obs_names):
            return layer, np.arange(len(found))
        names = pd.Index(found)
        if not names.is_unique:
            continue
        rows = names.get_indexer(comparison.obs_names)
        if len(rows) and (rows >= 0).all():
            return layer, rows
    return None, np.empty(0, int)


def _state(viewer: ViewerModel, sides: tuple[Side, Side]) -> tuple[object, ...]:
    """Return what tells whether the layers of both sides have been removed, moved or edited."""
    found: list[object] = []
    for layer in (side.layer for side in sides):
        if layer is None or layer not in viewer.layers:
            found.append(None)
        else:
            origin = np.asarray(layer._data_to_world((0.0, 0.0)))
            found.append((id(layer.data), linear_part(layer).tobytes(), origin.tobytes()))
    return tuple(found)


def _bounds(places: NDArray[np.float64]) -> Box:
    """Return the region of places (n, 2); numpy takes long to reduce rows of two numbers."""
    columns = places.T
    return np.array([c.min() for c in columns]), np.array([c.max() for c in columns])


def _corners(layer: Layer) -> Box:
    corners = np.asarray(layer.extent.world, float)[:, -2:]
    return corners[0], corners[1]


def _meet(one: Box, other: Box) -> bool:
    return bool((one[0] <= other[1]).all() and (one[1] >= other[0]).all())
