"""A comparison on the canvas: one way to look at it at a time, and all as before afterwards."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_spatialrecon.viewer.canvas.colors import ColorKey
from napari_spatialrecon.viewer.canvas.pies import pies_of
from napari_spatialrecon.viewer.canvas.point_nodes import move_vectors, show_points
from napari_spatialrecon.viewer.canvas.quiet_layers import inserting, remove
from napari_spatialrecon.viewer.results import own_layers
from napari_spatialrecon.viewer.results.curtain import Curtain
from napari_spatialrecon.viewer.results.distortion_layers import Of
from napari_spatialrecon.viewer.results.looks import Look
from napari_spatialrecon.viewer.results.scene import Scene
from napari_spatialrecon.viewer.results.value_colors import color_sides
from napari_spatialrecon.viewer.window.steps import Steps, at_once

if TYPE_CHECKING:
    from types import FrameType

    from napari.components import LayerList, ViewerModel
    from napari.layers import Layer, Points, Vectors

    from napari_spatialrecon.geometry.distortion import Distortion
    from napari_spatialrecon.tasks.compared import Compared
    from napari_spatialrecon.viewer.results.sides import Side

_BOTH = frozenset({Look.BESIDE, Look.SWIPE, Look.BLINK})
"""Looks that show the points of both sides."""
_LOOK_MS = 50
"""Milliseconds between two looks at whether layers still go."""


class Stage:
    """Shows one comparison in a viewer.

    It adds layers of its own and hides those of both sides; `leave` removes the ones and shows the
    others again. It leaves by itself when one of its layers, or the layer of a side, is removed.
    All of that is also offered in steps, for many cells.

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
        at_once(self.showing(look, comparison, sides, of=of, distortion=distortion, about=about))

    def showing(
        self,
        look: Look,
        comparison: Compared,
        sides: tuple[Side, Side],
        *,
        of: Of = "area",
        distortion: Distortion | None = None,
        about: str = "",
    ) -> Steps:
        """Do what `show` does in steps; where they end early, `leave` has to follow."""
        active = self.viewer.layers.selection.active
        same = self._scene is not None and self._scene.holds(comparison, sides)
        kept = same and {look, self.look} <= _BOTH and about == self._about and self._whole
        yield from self._ending(hidden=same, points=kept)
        self.look, self._about = look, about
        try:
            if self._scene is None or not same:
                self._scene = yield lambda: Scene.of(self.viewer, comparison, sides)
            if not kept:
                self.key, self.shown = None, about
            yield from self._quietly(self._curtain.clear_ground(self.scene))
            ways: dict[Look, Callable[[], Steps]] = {
                Look.BESIDE: self._beside,
                Look.SWIPE: self._swipe,
                Look.BLINK: self._blink,
                Look.ARROWS: self._draw_arrows,
                Look.DISAGREEMENT: self._disagreement,
                Look.DISTORTION: lambda: self._distortion(of, distortion),
            }
            yield from ways[look]()
            if look is not Look.BESIDE:
                self._curtain.bring_into_view(self.scene, self._own)
                yield None
        finally:
            if active is not None and active in self.viewer.layers:
                self.viewer.layers.selection = {active}

    @property
    def _whole(self) -> bool:
        """Whether the points of both sides are shown, and not only begun to be."""
        return len(self.points) == 2 and all(p in self.viewer.layers for p in self.points)

    def leave(self) -> None:
        """Remove what was added, and show what was hidden."""
        at_once(self.leaving())

    def leaving(self) -> Steps:
        """Do what `leave` does in steps."""
        if self.look is not None:
            yield from self._ending()
            self.left.emit()

    def _ending(self, *, hidden: bool = False, points: bool = False) -> Steps:
        """Leave; the layers of both sides may stay hidden, and their points stay for the next look.

        Showing and hiding a million points between two looks would take seconds.
        """
        if self.look is None:
            return
        stay = list(self.points) if points else []
        if not stay:
            for end in self._ends:
                end()
            self._ends, self.points = [], []
        for layer in [own for own in self._own if own not in stay]:
            with self._changing():
                self._own.remove(layer)
                if layer in self.viewer.layers:
                    remove(self.viewer.layers, layer)
            yield None
        self._divider = None
        yield from self._quietly(self._curtain.lift(self._hidden_by_all() if hidden else ()))
        for layer in stay:
            self._reset(layer)
            yield None
        self.look = None

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
        at_once(self.forgetting())

    def forgetting(self) -> Steps:
        """Do what `forget` does in steps."""
        yield from self.leaving()
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
        if self._divider is not None:
            self._divide()
            move_vectors(self._divider, own_layers.line_data(self.scene, self.line))

    def _divide(self) -> None:
        """Show each side up to the line."""
        for layer, way in zip(self.points, (-1, 1), strict=True):
            if pies_of(layer) is not None:  # no plane cuts pies
                places = np.asarray(layer._data_to_world(layer.data))[:, -1]
                show_points(layer, way * (places - self.line) >= 0)
                continue
            at = (0.0, 0.0, self.line)
            if layer.experimental_clipping_planes:  # another one would be another shader
                layer.experimental_clipping_planes[0].position = at
            else:
                layer.experimental_clipping_planes = [{"position": at, "normal": (0, 0, way)}]

    def turn(self) -> int:
        """Show the other side, and return which one is shown: 0 or 1."""
        shown = 0 if len(self.points) < 2 or self.points[1].visible else 1
        for number, layer in enumerate(self.points):
            layer.visible = number == shown
        return shown

    # Ways to look

    def _beside(self) -> Steps:
        shift = own_layers.aside(self.scene)
        copies = yield lambda: list(own_layers.grounds(self.scene))
        for image, copy in copies:
            yield from self._adding(copy, self.viewer.layers.index(image) + 1)
        yield from self._quietly(self._curtain.hide(self.scene.ground()))

        def move(first: Points, second: Points) -> None:
            second.translate = shift
            if shift[0]:
                second.name_overlay.position = "bottom_left"

        yield from self._show_both(move)
        self._curtain.remember_camera()
        self.viewer.reset_view(layers=self._own)
        yield None

    def _swipe(self) -> Steps:
        low, high = self.scene.extent
        self.line = float((low[1] + high[1]) / 2)
        yield from self._show_both(lambda *sides: self._divide())
        line = own_layers.divider(self.scene, self.line)
        self._divider = line
        yield from self._adding(line)

    def _blink(self) -> Steps:
        def hide(first: Points, second: Points) -> None:
            second.visible = False

        yield from self._show_both(hide)

    def _draw_arrows(self) -> Steps:
        lines, ends = yield lambda: own_layers.arrows(self.scene)
        self.arrows = len(lines.data)
        yield from self._adding(lines)
        yield from self._adding(ends)

    def _disagreement(self) -> Steps:
        layer, key = yield lambda: own_layers.disagreement(self.scene, self.shown)
        self.key = key
        yield from self._adding(layer)

    def _distortion(self, of: Of, found: Distortion | None) -> Steps:
        image, lines = yield lambda: own_layers.distortion(self.scene, of, found)
        yield from self._adding(image)
        if lines is not None:
            yield from self._adding(lines)

    # Layers

    def _show_both(self, poise: Callable[[Points, Points], None]) -> Steps:
        """Show the points of both sides, if they are not shown yet.

        Parameters
        ----------
        poise
            Puts the first and the second where the look has them; before they are drawn, where
            that is possible.
        """
        if self.points:
            first, second = self.points
            poise(first, second)
            yield None
            return
        sides = yield lambda: own_layers.both_sides(self.scene)
        first, second = self.points = sides
        values = self.scene.values
        if values is None:
            poise(first, second)
        for layer, (source, rows) in zip(sides, self.scene.sources, strict=True):
            if source is not None and values is None:
                self._follow_colors(source, layer, rows)
            yield from self._adding(layer)
        if values is not None:
            if not self.shown and not values.is_mixture:
                self.shown = values.least_agreed
            self.key = color_sides(sides, values, self.shown, own_layers.keys(self.scene))
            poise(first, second)
            yield None

    def _follow_colors(self, source: Points, points: Points, rows: np.ndarray) -> None:
        def recolor() -> None:
            if len(source.data) > rows.max(initial=-1):
                points.face_color = np.asarray(source.face_color)[rows]

        source.events.face_color.connect(recolor)
        self._ends.append(lambda: source.events.face_color.disconnect(recolor))

    def _adding(self, layer: Layer, index: int | None = None) -> Steps:
        self._own.append(layer)
        layers = self.viewer.layers
        at = len(layers) if index is None else index
        yield from inserting(layers, at, layer, self._changing())

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Not be told of one's own changes."""
        self._busy = True
        try:
            yield
        finally:
            self._busy = False

    def _quietly(self, steps: Steps) -> Steps:
        """Do steps without being told of one's own changes, but of others' in between."""
        while True:
            with self._changing():
                done = next(steps, steps)
            if done is steps:
                return
            yield None

    def _on_removed(self, event: object) -> None:
        if self._busy or self.look is None:
            return
        layer = getattr(event, "value", None)
        if layer not in self._own and not self._curtain.holds(layer):
            return
        if any(other in self._own for other in self.viewer.layers.selection):
            self._leave_later()
        else:
            self.leave()

    def _leave_later(self) -> None:
        """Leave once the list of layers has removed all that it is asked to.

        It removes what is selected one by one, and fails if one of them is gone before its turn;
        Qt handles events in between, so that a turn of the event loop may lie within.
        """
        if _is_changing(self.viewer.layers):
            QTimer.singleShot(_LOOK_MS, self._leave_later)
        elif self.look is not None:
            self.leave()


def _is_changing(layers: LayerList) -> bool:
    """Whether a method of the list has called, by whatever way, what calls this."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_locals.get("self") is layers:
            return True
        frame = frame.f_back
    return False
