"""A comparison on the canvas: one way to look at it at a time, and all as before afterwards."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_spatialrecon.viewer.canvas.colors import set_point_colors
from napari_spatialrecon.viewer.canvas.point_nodes import move_vectors
from napari_spatialrecon.viewer.results import pieces
from napari_spatialrecon.viewer.results.pieces import World, is_comparison
from napari_spatialrecon.viewer.workspace.selection import names_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer, Points, Vectors

    from napari_spatialrecon.geometry.distortion import Distortion
    from napari_spatialrecon.tasks.comparing import Comparison
    from napari_spatialrecon.viewer.results.sides import Side

Source = tuple["Points | None", np.ndarray]
"""The layer of a side, and the rows (n,) of it that are compared; None and no rows without one."""

_APART = 1.08
"""Distance of the second side from the first, in widths of the tissue."""
_ABOVE = 0.04
"""Height of a caption over the tissue, in heights of it."""


class Look(StrEnum):
    """A way to look at a comparison."""

    BESIDE = "side by side"
    SWIPE = "swipe"
    BLINK = "blink"
    ARROWS = "arrows"
    DISAGREEMENT = "disagreement"
    DISTORTION = "distortion"


class Stage:
    """Shows one comparison in a viewer.

    It adds layers of its own and hides those of both sides; `leave` removes the ones and shows the
    others again. It leaves by itself when one of its layers, or the layer of a side, is removed.

    Attributes
    ----------
    look
        How it is looked at; None while it is not.
    arrows
        Number of arrows drawn.
    line
        Where the swipe divides, x in the world.
    """

    left = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer = viewer
        self.look: Look | None = None
        self.arrows, self.line = 0, 0.0
        self.points: list[Points] = []
        self._own: list[Layer] = []
        self._captions: list[Points] = []
        self._divider: Vectors | None = None
        self._hidden: list[tuple[Layer, bool]] = []
        self._ends: list[Callable[[], None]] = []
        self._busy = False
        viewer.layers.events.removed.connect(self._on_removed)

    def close(self) -> None:
        """Leave, and stop following the viewer."""
        self.leave()
        self.viewer.layers.events.removed.disconnect(self._on_removed)

    def show(
        self,
        look: Look,
        comparison: Comparison,
        sides: tuple[Side, Side],
        *,
        of: pieces.Of = "area",
        distortion: Distortion | None = None,
    ) -> None:
        """Look at a comparison in another way.

        Parameters
        ----------
        of
            What a map of the distortion shows.
        distortion
            Computed before, since it takes a while for many cells.
        """
        active = self.viewer.layers.selection.active
        self.leave()
        self._busy = True
        try:
            self._sides = sides
            sources = [self._source(side, comparison) for side in sides]
            self._world = World.of(comparison, *sources[0])
            self._comparison = comparison
            self._ground = self._grounds()
            self.look = look
            if look in (Look.BESIDE, Look.SWIPE, Look.BLINK):
                self._add_points(sources)
            ways: dict[Look, Callable[[], None]] = {
                Look.BESIDE: self._beside,
                Look.SWIPE: self._swipe,
                Look.BLINK: self._blink,
                Look.ARROWS: self._draw_arrows,
                Look.DISAGREEMENT: lambda: self._disagreement(sources),
                Look.DISTORTION: lambda: self._distortion(of, distortion),
            }
            ways[look]()
            self._hide([side.layer for side in sides])
            if active is not None and active in self.viewer.layers:
                self.viewer.layers.selection = {active}
        finally:
            self._busy = False

    def leave(self) -> None:
        """Remove what was added, and show what was hidden."""
        if self.look is None:
            return
        self.look, self._busy = None, True
        for end in self._ends:
            end()
        for layer in self._own:
            if layer in self.viewer.layers:
                self.viewer.layers.remove(layer)
        for layer, visible in self._hidden:
            if layer in self.viewer.layers:
                layer.visible = visible
        self._ends, self._own, self._hidden = [], [], []
        self.points, self._captions, self._divider = [], [], None
        self._busy = False
        self.left.emit()

    @property
    def extent(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest (y, x) of both sides in the world."""
        both = np.concatenate(
            [self._world(part) for part in (self._comparison.first, self._comparison.second)]
        )
        return both.min(axis=0), both.max(axis=0)

    # Swipe and blink

    def move_line(self, x: float) -> None:
        """Divide at x: the first side is shown left of it, the second right of it."""
        low, high = self.extent
        self.line = float(np.clip(x, low[1], high[1]))
        if self._divider is None:
            return
        for layer, way in zip(self.points, (-1, 1), strict=True):
            layer.experimental_clipping_planes = [
                {"position": (0, 0, self.line), "normal": (0, 0, way)}
            ]
        span = np.array([low[0], high[0]]) + np.array([-1, 1]) * _ABOVE * (high[0] - low[0])
        start = np.array([span[0], self.line])
        move_vectors(self._divider, np.array([[start, [span[1] - span[0], 0.0]]]))

    def turn(self) -> int:
        """Show the other side, and return which one is shown: 0 or 1."""
        shown = 0 if len(self.points) < 2 or self.points[1].visible else 1
        for number, layer in enumerate(self.points):
            layer.visible = number == shown
        for number, layer in enumerate(self._captions):
            layer.visible = number == shown
        return shown

    # Ways to look

    def _beside(self) -> None:
        low, high = self.extent
        for image in self._ground:
            corners = image.extent.world[:, -2:]
            low, high = np.minimum(low, corners[0]), np.maximum(high, corners[1])
        shift = np.array([0.0, (high[1] - low[1]) * _APART])
        second = self.points[1]
        for image in self._ground:
            self._add(pieces.copy_of(image, shift), self.viewer.layers.index(image) + 1)
        second.translate = shift
        middle = (low[1] + high[1]) / 2
        for number, side in enumerate(self._sides):
            self._caption(side, number, middle + number * shift[1], low, high)
        self._frame()

    def _swipe(self) -> None:
        from napari.layers import Vectors

        low, high = self.extent
        self.line = float((low[1] + high[1]) / 2)
        self._divider = Vectors(
            np.array([[[low[0], self.line], [high[0] - low[0], 0.0]]]),
            name="swipe here",
            vector_style="line",
            edge_width=0.006 * float(high[1] - low[1]) or 1.0,
            edge_color="white",
            **pieces._kept(self._world),
        )
        self._add(self._divider)
        quarter = (high[1] - low[1]) / 4
        for number, side in enumerate(self._sides):
            self._caption(side, number, low[1] + quarter * (1 + 2 * number), low, high)
        self.move_line(self.line)

    def _blink(self) -> None:
        low, high = self.extent
        for number, side in enumerate(self._sides):
            self._caption(side, number, (low[1] + high[1]) / 2, low, high)
        self.points[1].visible = self._captions[1].visible = False

    def _draw_arrows(self) -> None:
        names = " → ".join(side.name for side in self._sides)
        layer, self.arrows = pieces.arrows(self._comparison, self._world, names)
        self._add(layer)

    def _disagreement(self, sources: list[Source]) -> None:
        comparison = self._comparison
        at = next((i for i, side in enumerate(self._sides) if side.result is not None), 0)
        places = self._world((comparison.first, comparison.second)[at])
        side = self._sides[at]
        layer = pieces.side_points(
            places, *sources[at], f"{side.name}: disagreement", at, self._world
        )
        self._add(layer)
        unit = "µm" if comparison.unit == "um" else comparison.unit
        set_point_colors(
            layer,
            comparison.distance,
            kind="uncertainty",
            title=f"distance to {self._sides[1 - at].name}, {unit}",
            colormap=pieces.DISAGREEMENT_COLORS,
            limits=(0.0, pieces.top_of(comparison)),
        )

    def _distortion(self, of: pieces.Of, found: Distortion | None) -> None:
        found = found or self._comparison.distortion()
        self._add(pieces.distortion_image(found, of, self._world, f"change of {of}"))
        if len(found.lines):
            self._add(pieces.distortion_lines(found, self._world, "deformed grid"))

    # Layers

    def _add_points(self, sources: list[Source]) -> None:
        both = (self._comparison.first, self._comparison.second)
        for number, (places, (layer, rows)) in enumerate(zip(both, sources, strict=True)):
            points = pieces.side_points(
                self._world(places), layer, rows, self._sides[number].name, number, self._world
            )
            self.points.append(points)
            self._add(points)
            if layer is not None:
                self._follow_colors(layer, points, rows)

    def _follow_colors(self, source: Points, points: Points, rows: np.ndarray) -> None:
        def recolor() -> None:
            if len(source.data) > rows.max(initial=-1):
                points.face_color = np.asarray(source.face_color)[rows]

        source.events.face_color.connect(recolor)
        self._ends.append(lambda: source.events.face_color.disconnect(recolor))

    def _caption(
        self, side: Side, number: int, x: float, low: np.ndarray, high: np.ndarray
    ) -> None:
        mark = "●" if number == 0 else "◆"
        y = low[0] - _ABOVE * (high[0] - low[0])
        color = "white" if self.viewer.theme != "light" else "black"
        layer = pieces.caption(f"{mark} {side.name}", (y, x), color, self._world)
        self._captions.append(layer)
        self._add(layer)

    def _add(self, layer: Layer, index: int | None = None) -> None:
        self._own.append(layer)
        layers = self.viewer.layers
        layers.insert(len(layers) if index is None else index, layer)

    def _hide(self, layers: list[Layer | None]) -> None:
        for layer in layers:
            if layer is None or layer not in self.viewer.layers:
                continue
            self._hidden.append((layer, layer.visible))
            layer.visible = False

    def _grounds(self) -> list[Image]:
        """Return the images in view under the first side."""
        from napari.layers import Image

        low, high = self._extent_of_first()
        found = []
        for layer in self.viewer.layers:
            if not isinstance(layer, Image) or not layer.visible or is_comparison(layer):
                continue
            corners = layer.extent.world[:, -2:]
            if (corners[0] < high).all() and (corners[1] > low).all():
                found.append(layer)
        return found

    def _extent_of_first(self) -> tuple[np.ndarray, np.ndarray]:
        places = self._world(self._comparison.first)
        return places.min(axis=0), places.max(axis=0)

    def _frame(self) -> None:
        """Bring both sides into view."""
        self.viewer.reset_view(layers=[*self._ground, *self._own])

    def _source(self, side: Side, comparison: Comparison) -> Source:
        """Return the layer of a side and its rows that show the cells compared."""
        import pandas as pd
        from napari.layers import Points

        layer, nothing = side.layer, np.empty(0, int)
        if not isinstance(layer, Points) or layer not in self.viewer.layers:
            return None, nothing
        names = pd.Index(names_of(layer))
        rows = names.get_indexer(comparison.obs_names) if names.is_unique else nothing - 1
        return (layer, rows) if len(rows) and (rows >= 0).all() else (None, nothing)

    def _on_removed(self, event: object) -> None:
        if self._busy or self.look is None:
            return
        layer = getattr(event, "value", None)
        if layer in self._own or any(layer is other for other, _ in self._hidden):
            self.leave()
