"""The layers that show landmarks on the canvas: a point for each mark, a line for each residual."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.canvas.passing import PASSING

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer, Points, Vectors


SYMBOLS = {"good": "disc", "warning": "square", "wrong": "triangle_up", "quiet": "disc"}
"""Shape of a mark by its tone, so that it is told without color; `marks_table.GLYPHS` are alike."""
_GROWN = {"square": 0.9, "triangle_up": 1.5}


def mark_sizes(tones: list[str], pixels: float) -> np.ndarray:
    """Return the size of each mark, so that its number fits in any shape."""
    return np.array([pixels * _GROWN.get(SYMBOLS[tone], 1.0) for tone in tones])


class MarkLayers:
    """Two layers of a viewer, made when marks are first shown and again if the user deleted them.

    Parameters
    ----------
    marks, residuals
        Names of the layers.
    """

    def __init__(self, viewer: ViewerModel, marks: str, residuals: str) -> None:
        self._viewer = viewer
        self._names = (marks, residuals)
        self._layers: tuple[Points, Vectors] | None = None

    def beside(self, layer: Layer) -> tuple[Points, Vectors]:
        """Return the two, in the unit of another layer; the active layer stays active."""
        layers = self._viewer.layers
        if self._layers is None or self._layers[0] not in layers:
            self._layers = self._made(layer)
            active = layers.selection.active
            for made in reversed(self._layers):
                made.metadata[OURS] = {"role": "marks", PASSING: True}
                self._viewer.add_layer(made)
            layers.selection.active = active
        return self._layers

    def remove(self) -> None:
        """Remove them from the viewer."""
        for layer in self._layers or ():
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self._layers = None

    def _made(self, layer: Layer) -> tuple[Points, Vectors]:
        from napari.layers import Points, Vectors

        marks, residuals = self._names
        units, axes = layer.units[-2:], ("y", "x")
        return (
            Points(np.empty((0, 2)), ndim=2, name=marks, units=units, axis_labels=axes),
            Vectors(np.empty((0, 2, 2)), ndim=2, name=residuals, units=units, axis_labels=axes),
        )


def show_numbers(marks: Points, texts: list[str]) -> None:
    """Write a short text, such as its number, on each mark."""
    marks.features = {"number": texts}
    marks.text = {"string": "{number}", "size": 9, "color": "#111111", "anchor": "center"}
