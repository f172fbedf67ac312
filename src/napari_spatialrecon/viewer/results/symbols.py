"""Symbols that tell results apart while several are shown on the same tissue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_spatialrecon.viewer.canvas.shapes import has_shapes
from napari_spatialrecon.viewer.results.facts import PLACED
from napari_spatialrecon.viewer.workspace.results import Result
from napari_spatialrecon.viewer.workspace.workspace import Workspace

if TYPE_CHECKING:
    from napari.layers import Points

SYMBOLS = ("disc", "diamond", "square", "triangle_up", "star")


class Symbols:
    """Draws the placed results in view with a symbol each; one alone is drawn as discs.

    A result whose categories have shapes keeps them.
    """

    def __init__(self, space: Workspace) -> None:
        self.space = space
        self._followed: list[Points] = []
        space.results.events.added.connect(self._follow)
        space.results.events.removed.connect(self._follow)
        self._follow()

    def close(self) -> None:
        """Stop following the results."""
        self.space.results.events.added.disconnect(self._follow)
        self.space.results.events.removed.disconnect(self._follow)
        self._let_go()

    def _follow(self, result: Result | None = None) -> None:
        self._let_go()
        self._followed = self._layers()
        for layer in self._followed:
            layer.events.visible.connect(self._draw)
        self._draw()

    def _let_go(self) -> None:
        for layer in self._followed:
            layer.events.visible.disconnect(self._draw)
        self._followed = []

    def _layers(self) -> list[Points]:
        from napari.layers import Points

        placed = (result.layer for result in self.space.results if result.task in PLACED)
        return [layer for layer in placed if isinstance(layer, Points)]

    def _draw(self, event: object = None) -> None:
        viewer = self.space.viewer
        shown = [
            layer
            for layer in self._followed
            if layer.visible and viewer is not None and layer in viewer.layers
        ]
        for number, layer in enumerate(shown):
            symbol = SYMBOLS[number % len(SYMBOLS)]
            if len(layer.data) and not has_shapes(layer) and str(layer.symbol[0]) != symbol:
                layer.symbol = symbol
