"""Lines and rings drawn over a points layer, which itself stays as it is."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatialrecon.viewer.canvas.layers import to_data
from napari_spatialrecon.viewer.canvas.point_nodes import drawers

if TYPE_CHECKING:
    from napari.layers import Points

BRIGHT, DARK = "#FFE94A", "#000000"
"""One of the two is seen on any tissue and on any color of a point."""
_WIDE = 1.35
"""Diameter of a ring, relative to its point."""
_LINE_PX = 2.0


class Outlines:
    """Rings around selected points, and the line of a lasso, in every window that shows a layer.

    Without a window, nothing is drawn.
    """

    def __init__(self) -> None:
        self._rings: list[Any] = []
        self._lines: list[Any] = []
        self._layer: weakref.ref[Points] | None = None

    def ring(self, layer: Points | None, rows: np.ndarray) -> None:
        """Draw rings around these rows (k,) of a layer instead of those drawn before."""
        self._clear(self._rings)
        if layer is None or not len(rows):
            return
        from napari._vispy.visuals.markers import Markers

        rows = rows[np.broadcast_to(np.asarray(layer.shown, bool), len(layer.data))[rows]]
        if not len(rows):
            return
        places = np.asarray(layer.data)[rows][:, :-3:-1]
        sizes = np.asarray(layer.size)[rows] * abs(layer.scale[-1]) * _WIDE
        for drawer in drawers(layer):
            for color, width in ((DARK, 0.24), (BRIGHT, 0.14)):
                node = Markers(scaling="visual", parent=drawer.node)
                node.set_data(
                    places,
                    size=sizes,
                    face_color=(0, 0, 0, 0),
                    edge_color=color,
                    edge_width=None,
                    edge_width_rel=width,
                )
                node.canvas_size_limits = _limits(layer)
                node.set_gl_state("translucent", depth_test=False)
                node.order = 10
                self._rings.append(node)

    def line(self, layer: Points | None, world: np.ndarray) -> None:
        """Draw a line through these corners (k, 2), (y, x) in the world; none: no line."""
        if layer is None or len(world) < 2:
            self._clear(self._lines)
            return
        closed = np.vstack([world, world[:1]])
        corners = to_data(layer, closed)[:, ::-1].astype(np.float32)
        if not self._lines or self._layer is None or self._layer() is not layer:
            self._clear(self._lines)
            self._layer = weakref.ref(layer)
            self._add_lines(layer)
        for line in self._lines:
            line.set_data(pos=corners)

    def clear(self) -> None:
        """Draw nothing."""
        self._clear(self._rings)
        self._clear(self._lines)

    def _add_lines(self, layer: Points) -> None:
        from vispy.scene.visuals import Line

        for drawer in drawers(layer):
            for color, width in ((DARK, _LINE_PX + 2), (BRIGHT, _LINE_PX)):
                line = Line(color=color, width=width, method="gl", parent=drawer.node)
                line.set_gl_state("translucent", depth_test=False)
                line.order = 11
                self._lines.append(line)

    @staticmethod
    def _clear(nodes: list[Any]) -> None:
        for node in nodes:
            node.parent = None
        nodes.clear()


def _limits(layer: Points) -> tuple[float, float]:
    low, high = layer.canvas_size_limits
    return low + 3.0, high
