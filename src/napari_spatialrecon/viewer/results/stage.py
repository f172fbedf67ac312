"""A comparison on the canvas: one way to look at it at a time, and all as before afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_spatialrecon.viewer.canvas.colors import ColorKey, color_key, set_point_colors
from napari_spatialrecon.viewer.canvas.pies import pies_of
from napari_spatialrecon.viewer.canvas.point_nodes import move_vectors, show_points
from napari_spatialrecon.viewer.results import pieces
from napari_spatialrecon.viewer.results.curtain import Curtain
from napari_spatialrecon.viewer.results.distortion_layers import (
    TITLES,
    Of,
    distortion_image,
    distortion_lines,
)
from napari_spatialrecon.viewer.results.ground_copy import copy_of
from napari_spatialrecon.viewer.results.looks import LETTERS, MARKS, Look
from napari_spatialrecon.viewer.results.scene import Scene
from napari_spatialrecon.viewer.results.sides import told_apart
from napari_spatialrecon.viewer.results.value_colors import color_by_difference, color_sides
from napari_spatialrecon.viewer.results.words import values_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer, Points, Vectors

    from napari_spatialrecon.geometry.distortion import Distortion
    from napari_spatialrecon.tasks.compared import Compared
    from napari_spatialrecon.tasks.comparing import Comparison
    from napari_spatialrecon.viewer.results.sides import Side

_MARGIN = 0.06
"""Margin around the tissue, in widths of it, side by side and beyond the line of a swipe."""
_BOTH = frozenset({Look.BESIDE, Look.SWIPE, Look.BLINK})
"""Looks that show the points of both sides."""
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
        What the colors of a comparison mean; None where they are those of the results.
    shown
        The type or gene that is shown; empty for all.
    """

    left = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer = viewer
        self.look: Look | None = None
        self._about = ""
        self.arrows, self.line = 0, 0.0
        self._scene: Scene | None = None
        self.key: ColorKey | None = None
        self.shown = ""
        self.points: list[Points] = []
        self._own: list[Layer] = []
        self._divider: Vectors | None = None
        self._curtain = Curtain(viewer)
        self._ends: list[Callable[[], None]] = []
        self._busy = False
        viewer.layers.events.removed.connect(self._on_removed)

    def close(self) -> None:
        """Leave, and stop following the viewer."""
        self.forget()
        self.viewer.layers.events.removed.disconnect(self._on_removed)

    def show(
        self,
        look: Look,
        comparison: Compared,
        sides: tuple[Side, Side],
        *,
        of: Of = "area",
        distortion: Distortion | None = None,
        about: str = "",
    ) -> None:
        """Look at a comparison in another way.

        Parameters
        ----------
        of
            What a map of the distortion shows.
        distortion
            Computed before, since it takes a while for many cells.
        about
            The type or gene to compare; empty for all.
        """
        active = self.viewer.layers.selection.active
        same = self._scene is not None and self._scene.holds(comparison, sides)
        kept = same and {look, self.look} <= _BOTH and about == self._about
        self._end(hidden=same, points=kept)
        self._busy = True
        try:
            if self._scene is None or not same:
                self._scene = Scene.of(self.viewer, comparison, sides)
            self.look, self._about = look, about
            if not kept:
                self.key, self.shown = None, about
            self._curtain.clear_ground(self._scene)
            if look in _BOTH and not kept:
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
            if look is not Look.BESIDE:
                self._curtain.bring_into_view(self._scene, self._own)
            if active is not None and active in self.viewer.layers:
                self.viewer.layers.selection = {active}
        finally:
            self._busy = False

    def leave(self) -> None:
        """Remove what was added, and show what was hidden."""
        self._end()

    def _end(self, *, hidden: bool = False, points: bool = False) -> None:
        """Leave; the layers of both sides may stay hidden, and their points stay for the next look.

        Showing and hiding a million points between two looks would take seconds.
        """
        if self.look is None:
            return
        self.look, self._busy = None, True
        stay = list(self.points) if points else []
        if not stay:
            for end in self._ends:
                end()
            self._ends, self.points = [], []
        for layer in self._own:
            if layer in self.viewer.layers and layer not in stay:
                self.viewer.layers.remove(layer)
        self._curtain.lift(self._hidden_by_all() if hidden else ())
        self._own, self._divider = list(stay), None
        for layer in stay:
            self._reset(layer)
        self._busy = False
        self.left.emit()

    def _hidden_by_all(self) -> list[Layer]:
        """Return the layers that are hidden in each look."""
        from napari.layers import Image

        return [layer for layer in self.viewer.layers if not isinstance(layer, Image)]

    def _reset(self, layer: Points) -> None:
        """Show the points of a side where they are, whole."""
        if pies_of(layer) is not None:
            show_points(layer, np.ones(len(layer.data), bool))
        if layer.experimental_clipping_planes:
            layer.experimental_clipping_planes = []
        if np.any(layer.translate):
            layer.translate = np.zeros(layer.ndim)
        layer.name_overlay.position = "top_right" if layer is self.points[1] else "top_left"
        if not layer.visible:
            layer.visible = True

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
        return self._curtain.visible

    # Swipe and blink

    def move_line(self, x: float) -> None:
        """Divide at x: the first side is shown left of it, the second right of it."""
        low, high = self.scene.extent
        self.line = float(np.clip(x, low[1], high[1]))
        if self._divider is None:
            return
        for layer, way in zip(self.points, (-1, 1), strict=True):
            if pies_of(layer) is not None:  # no plane cuts pies
                places = np.asarray(layer._data_to_world(layer.data))[:, -1]
                show_points(layer, way * (places - self.line) >= 0)
                continue
            layer.experimental_clipping_planes = [
                {"position": (0, 0, self.line), "normal": (0, 0, way)}
            ]
        move_vectors(self._divider, self._line_data())

    def _line_data(self) -> np.ndarray:
        low, high = self.scene.extent
        span = np.array([low[0], high[0]]) + np.array([-1, 1]) * _MARGIN * (high[0] - low[0])
        return np.array([[[span[0], self.line], [span[1] - span[0], 0.0]]])

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
        shift = self._aside(high - low)
        ground = self.scene.ground()
        for image in ground:
            for moved in (np.zeros(2), shift):
                copy = copy_of(image, low, high, moved)
                if copy is not None:
                    self._add(copy, self.viewer.layers.index(image) + 1)
        self._curtain.hide(ground)
        self.points[1].translate = shift
        if shift[0]:
            self.points[1].name_overlay.position = "bottom_left"
        self._curtain.remember_camera()
        self.viewer.reset_view(layers=self._own)

    def _aside(self, span: np.ndarray) -> np.ndarray:
        """Return the way, (2,) as (y, x), from the first tissue to the second.

        To the right, or below where a narrow canvas shows both larger so.
        """
        height, width = self.viewer.canvas.size
        right = min(height / span[0], width / (2 * span[1]))
        below = min(height / (2 * span[0]), width / span[1])
        return np.array([span[0], 0.0] if below > right else [0.0, span[1]])

    def _swipe(self) -> None:
        from napari.layers import Vectors

        low, high = self.scene.extent
        self.line = float((low[1] + high[1]) / 2)
        self._divider = Vectors(
            self._line_data(),
            name="drag this line",
            vector_style="line",
            edge_width=_LINE * float((high - low).max()) or 1.0,
            edge_color="#FFC107",
            **self.scene.world.kept,
        )
        self._add(self._divider)
        self.move_line(self.line)

    def _blink(self) -> None:
        self.points[1].visible = False

    def _draw_arrows(self) -> None:
        first, second = self._names
        lines, ends = pieces.arrows(
            self.scene.comparison, self.scene.world, f"{first} → {MARKS[1]} {second}"
        )
        self.arrows = len(lines.data)
        self._add(lines, caption="top_left")
        self._add(ends)

    def _disagreement(self) -> None:
        comparison = self.scene.comparison
        at = next((i for i, side in enumerate(self.scene.sides) if side.result is not None), 0)
        layer = pieces.side_points(
            self.scene.places[at],
            *self.scene.sources[at],
            f"{self._names[at]}: disagreement",
            self._symbol(at),
            self.scene.world,
        )
        self._add(layer)
        values = values_of(comparison)
        if values is not None and self.shown:
            self.key = color_by_difference(layer, values, self.shown, self._names)
            return
        self.key = set_point_colors(
            layer,
            comparison.amount,
            kind="uncertainty",
            title=comparison.title(self._names[1 - at]),
            limits=(0.0, pieces.top_of(comparison)),
        )

    def _distortion(self, of: Of, found: Distortion | None) -> None:
        if found is None:
            found = self._layouts.distortion()
        name = f"{TITLES[of]}, {' → '.join(self._names)}"
        self._add(distortion_image(found, of, self.scene.world, name), caption="top_left")
        if len(found.lines):
            self._add(distortion_lines(found, self.scene.world, "deformed grid"))

    # Layers

    @property
    def _layouts(self) -> Comparison:
        from napari_spatialrecon.tasks.comparing import Comparison

        comparison = self.scene.comparison
        assert isinstance(comparison, Comparison), "offered for places only"
        return comparison

    @property
    def _names(self) -> tuple[str, str]:
        """What the two are called on the canvas, where captions have to fit."""
        first, second = (side.name for side in self.scene.sides)
        return told_apart(first, second)

    def _add_points(self) -> None:
        scene, values = self.scene, values_of(self.scene.comparison)
        for number, (layer, rows) in enumerate(scene.sources):
            name = f"{(MARKS if values is None else LETTERS)[number]} {self._names[number]}"
            symbol = self._symbol(number)
            points = pieces.side_points(
                scene.places[number], layer, rows, name, symbol, scene.world
            )
            self.points.append(points)
            self._add(points, caption="top_right" if number else "top_left")
            if layer is not None and values is None:
                self._follow_colors(layer, points, rows)
        if values is not None:
            if not self.shown and not values.is_mixture:
                self.shown = values.least_agreed
            keys = [None if la is None else color_key(la) for la, _ in scene.sources]
            self.key = color_sides(self.points, values, self.shown, keys)

    def _symbol(self, number: int) -> str:
        """Return how a side is drawn: by a symbol each where they lie apart, else as it is."""
        values = values_of(self.scene.comparison)
        if values is None:
            return pieces.SYMBOLS[number]
        return "square" if values.kind.task == "super-resolve" else "disc"

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

    def _on_removed(self, event: object) -> None:
        if self._busy or self.look is None:
            return
        layer = getattr(event, "value", None)
        if layer in self._own or self._curtain.holds(layer):
            self.leave()
