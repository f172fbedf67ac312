"""A comparison on the canvas: one way to look at it at a time, and all as before afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_spatialrecon.viewer.canvas.colors import ColorKey, set_point_colors
from napari_spatialrecon.viewer.canvas.point_nodes import move_vectors
from napari_spatialrecon.viewer.results import pieces
from napari_spatialrecon.viewer.results.distortion_layers import (
    TITLES,
    Of,
    distortion_image,
    distortion_lines,
)
from napari_spatialrecon.viewer.results.ground_copy import copy_of
from napari_spatialrecon.viewer.results.looks import MARKS, Look
from napari_spatialrecon.viewer.results.scene import Scene
from napari_spatialrecon.viewer.results.sides import told_apart

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer, Points, Vectors

    from napari_spatialrecon.geometry.distortion import Distortion
    from napari_spatialrecon.tasks.comparing import Comparison
    from napari_spatialrecon.viewer.results.sides import Side

_MARGIN = 0.06
"""Margin around the tissue, in widths of it, side by side and beyond the line of a swipe."""
_LINE = 0.006
"""Width of the line of a swipe, in widths of the tissue."""


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
    key
        What the colors of the disagreement mean; None before it is shown.
    """

    left = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer = viewer
        self.look: Look | None = None
        self.arrows, self.line = 0, 0.0
        self._scene: Scene | None = None
        self.key: ColorKey | None = None
        self.points: list[Points] = []
        self._own: list[Layer] = []
        self._divider: Vectors | None = None
        self._hidden: list[tuple[Layer, bool]] = []
        self._ends: list[Callable[[], None]] = []
        self._busy = False
        self._camera: tuple[Any, float] | None = None
        viewer.layers.events.removed.connect(self._on_removed)

    def close(self) -> None:
        """Leave, and stop following the viewer."""
        self.forget()
        self.viewer.layers.events.removed.disconnect(self._on_removed)

    def show(
        self,
        look: Look,
        comparison: Comparison,
        sides: tuple[Side, Side],
        *,
        of: Of = "area",
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
            if self._scene is None or not self._scene.holds(comparison, sides):
                self._scene = Scene.of(self.viewer, comparison, sides)
            self.look = look
            if look in (Look.BESIDE, Look.SWIPE, Look.BLINK):
                self._add_points()
            ways: dict[Look, Callable[[], None]] = {
                Look.BESIDE: self._beside,
                Look.SWIPE: self._swipe,
                Look.BLINK: self._blink,
                Look.ARROWS: self._draw_arrows,
                Look.DISAGREEMENT: self._disagreement,
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
        if self._camera is not None:
            camera = self.viewer.scene.camera
            camera.center, camera.zoom = self._camera
        self._ends, self._own, self._hidden, self._camera = [], [], [], None
        self.points, self._divider = [], None
        self._busy = False
        self.left.emit()

    def forget(self) -> None:
        """Leave, and let go of the tables of the last comparison."""
        self.leave()
        self._scene = None

    @property
    def scene(self) -> Scene:
        """What is shown."""
        assert self._scene is not None, "asked for while a comparison is shown"
        return self._scene

    @property
    def visible(self) -> dict[str, bool]:
        """Whether each layer that is hidden by now is shown again afterwards, by its name."""
        return {layer.name: visible for layer, visible in self._hidden}

    # Swipe and blink

    def move_line(self, x: float) -> None:
        """Divide at x: the first side is shown left of it, the second right of it."""
        low, high = self.scene.extent
        self.line = float(np.clip(x, low[1], high[1]))
        if self._divider is None:
            return
        for layer, way in zip(self.points, (-1, 1), strict=True):
            layer.experimental_clipping_planes = [
                {"position": (0, 0, self.line), "normal": (0, 0, way)}
            ]
        span = np.array([low[0], high[0]]) + np.array([-1, 1]) * _MARGIN * (high[0] - low[0])
        start = np.array([span[0], self.line])
        move_vectors(self._divider, np.array([[start, [span[1] - span[0], 0.0]]]))

    def turn(self) -> int:
        """Show the other side, and return which one is shown: 0 or 1."""
        shown = 0 if len(self.points) < 2 or self.points[1].visible else 1
        for number, layer in enumerate(self.points):
            layer.visible = number == shown
        return shown

    # Ways to look

    def _beside(self) -> None:
        low, high = self.scene.tissue()
        margin = _MARGIN * (high - low)
        low, high = low - margin, high + margin
        shift = np.array([0.0, high[1] - low[1]])
        ground = self.scene.ground()
        for image in ground:
            for moved in (np.zeros(2), shift):
                copy = copy_of(image, low, high, moved)
                if copy is not None:
                    self._add(copy, self.viewer.layers.index(image) + 1)
        self._hide(list(ground))
        self.points[1].translate = shift
        camera = self.viewer.scene.camera
        self._camera = (camera.center, camera.zoom)
        self.viewer.reset_view(layers=self._own)

    def _swipe(self) -> None:
        from napari.layers import Vectors

        low, high = self.scene.extent
        self._divider = Vectors(
            np.array([[[low[0], low[1]], [high[0] - low[0], 0.0]]]),
            name="drag this line",
            vector_style="line",
            edge_width=_LINE * float((high - low).max()) or 1.0,
            edge_color="#FFC107",
            **self.scene.world.kept,
        )
        self._add(self._divider)
        self.move_line(float((low[1] + high[1]) / 2))

    def _blink(self) -> None:
        self.points[1].visible = False

    def _draw_arrows(self) -> None:
        first, second = self._names
        lines, dots = pieces.arrows(
            self.scene.comparison, self.scene.world, f"{first} → ● {second}"
        )
        self.arrows = len(lines.data)
        self._add(lines, caption="top_left")
        self._add(dots)

    def _disagreement(self) -> None:
        comparison = self.scene.comparison
        at = next((i for i, side in enumerate(self.scene.sides) if side.result is not None), 0)
        side = self.scene.sides[at]
        layer = pieces.side_points(
            self.scene.places[at],
            *self.scene.sources[at],
            f"{side.name}: disagreement",
            at,
            self.scene.world,
        )
        self._add(layer)
        unit = "µm" if comparison.unit == "um" else comparison.unit
        self.key = set_point_colors(
            layer,
            comparison.distance,
            kind="uncertainty",
            title=f"distance to {self.scene.sides[1 - at].name}, {unit}",
            limits=(0.0, pieces.top_of(comparison)),
        )

    def _distortion(self, of: Of, found: Distortion | None) -> None:
        found = found or self.scene.comparison.distortion()
        name = f"{TITLES[of]}, {' → '.join(self._names)}"
        self._add(distortion_image(found, of, self.scene.world, name), caption="top_left")
        if len(found.lines):
            self._add(distortion_lines(found, self.scene.world, "deformed grid"))

    # Layers

    @property
    def _names(self) -> tuple[str, str]:
        """What the two are called on the canvas, where captions have to fit."""
        first, second = (side.name for side in self.scene.sides)
        return told_apart(first, second)

    def _add_points(self) -> None:
        scene = self.scene
        for number, (layer, rows) in enumerate(scene.sources):
            name = f"{MARKS[number]} {self._names[number]}"
            points = pieces.side_points(
                scene.places[number], layer, rows, name, number, scene.world
            )
            self.points.append(points)
            self._add(points, caption="top_right" if number else "top_left")
            if layer is not None:
                self._follow_colors(layer, points, rows)

    def _follow_colors(self, source: Points, points: Points, rows: np.ndarray) -> None:
        def recolor() -> None:
            if len(source.data) > rows.max(initial=-1):
                points.face_color = np.asarray(source.face_color)[rows]

        source.events.face_color.connect(recolor)
        self._ends.append(lambda: source.events.face_color.disconnect(recolor))

    def _add(self, layer: Layer, index: int | None = None, *, caption: str = "") -> None:
        if caption:
            pieces.captioned(layer, caption)
        self._own.append(layer)
        layers = self.viewer.layers
        layers.insert(len(layers) if index is None else index, layer)

    def _hide(self, layers: list[Layer | None]) -> None:
        for layer in layers:
            if layer is None or layer not in self.viewer.layers:
                continue
            self._hidden.append((layer, layer.visible))
            layer.visible = False

    def _on_removed(self, event: object) -> None:
        if self._busy or self.look is None:
            return
        layer = getattr(event, "value", None)
        if layer in self._own or any(layer is other for other, _ in self._hidden):
            self.leave()
