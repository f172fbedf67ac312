"""A lasso: a polygon drawn by hand on a viewer's canvas, and the points within it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_spatialrecon.viewer.canvas.layers import to_data
from napari_spatialrecon.viewer.canvas.pointer import Tool

if TYPE_CHECKING:
    from napari._vispy.mouse_event import NapariMouseEvent
    from napari.components import ViewerModel
    from napari.layers import Points

Way = Literal["new", "add", "remove"]

STEP_PX = 3.0
"""Pixels on screen between two corners of the polygon."""


class Lasso(Tool):
    """Takes drags on the canvas; Shift adds to a selection, Alt removes from it.

    Parameters
    ----------
    viewer
        The viewer whose canvas is used.
    drawn
        Called with the corners (k, 2) so far, as (y, x) in world units; none once it ends.
    closed
        Called with the corners of a finished polygon, and what it does to the selection.
    switched
        Called when the lasso is switched on or off, with the new state.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        *,
        drawn: Callable[[np.ndarray], None],
        closed: Callable[[np.ndarray, Way], None],
        switched: Callable[[bool], None] = lambda on: None,
    ) -> None:
        super().__init__(viewer, switched)
        self._drawn, self._closed = drawn, closed
        self._corners: list[np.ndarray] | None = None
        self._zooms = False

    @property
    def drawing(self) -> bool:
        """Whether a polygon is being drawn."""
        return self._corners is not None

    def cancel(self) -> None:
        """Give up the polygon that is being drawn."""
        if self._corners is not None:
            self._corners = None
            self._drawn(np.empty((0, 2)))

    def _begin(self) -> None:
        self._rest(True)

    def _end(self) -> None:
        self.cancel()
        self._rest(False)

    def _rest(self, resting: bool) -> None:
        """Let napari's own drags with Alt, which zoom, rest while Alt removes points."""
        from napari.components._viewer_mouse_bindings import drag_to_zoom

        heard = self._viewer.mouse_drag_callbacks
        if resting and drag_to_zoom in heard:
            heard.remove(drag_to_zoom)
            self._zooms = True
        elif not resting and self._zooms:
            heard.insert(0, drag_to_zoom)
            self._zooms = False

    def _hear(self, viewer: ViewerModel, event: NapariMouseEvent) -> Generator[None, None, None]:
        if event.button != 1 or viewer.dims.ndisplay != 2:
            return
        way = way_of(event.modifiers)
        camera = viewer.scene.camera
        pan, camera.mouse_pan = camera.mouse_pan, False
        self._corners = [np.asarray(event.position, float)[-2:]]
        last = np.asarray(event.pos, float)
        try:
            yield
            while event.type == "mouse_move":
                here = np.asarray(event.pos, float)
                if self._corners is not None and np.abs(here - last).max() >= STEP_PX:
                    self._corners.append(np.asarray(event.position, float)[-2:])
                    self._drawn(np.array(self._corners))
                    last = here
                yield
        finally:
            camera.mouse_pan = pan
        corners = self._corners
        self.cancel()
        if corners is not None and len(corners) > 2:
            self._closed(np.array(corners), way)


def way_of(modifiers: tuple[str, ...]) -> Way:
    """Return what a lasso drawn with these keys held does.

    Examples
    --------
    >>> way_of(("Shift",)), way_of(("Alt",)), way_of(())
    ('add', 'remove', 'new')
    """
    names = {str(name) for name in modifiers}
    return "add" if "Shift" in names else "remove" if "Alt" in names else "new"


def inside(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Return which points lie within a polygon, (n,) bool.

    Parameters
    ----------
    points : (n, 2) float
    polygon : (k, 2) float
        Corners in order, in the axes and unit of `points`; it is closed by itself. Parts around
        which it winds more than once are within it.

    Examples
    --------
    >>> inside(np.array([[1.0, 1.0], [3.0, 3.0]]), np.array([[0, 0], [0, 2], [2, 2], [2, 0]]))
    array([ True, False])
    """
    points, polygon = np.asarray(points, float), np.asarray(polygon, float)
    found = np.zeros(len(points), bool)
    if len(polygon) < 3:
        return found
    (low_y, low_x), (high_y, high_x) = polygon.min(axis=0), polygon.max(axis=0)
    y, x = points.T
    near = np.flatnonzero((y >= low_y) & (y <= high_y) & (x >= low_x) & (x <= high_x))
    near = near[np.argsort(y[near])]
    y, x = y[near], x[near]
    turns = np.zeros(len(near), np.int16)
    for (y0, x0), (y1, x1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        beside = slice(*np.searchsorted(y, sorted((y0, y1))))
        left = x[beside] <= x0 + (y[beside] - y0) * ((x1 - x0) / (y1 - y0))
        turns[beside] += left if y1 > y0 else -left.astype(np.int16)
    found[near] = turns != 0
    return found


def rows_within(layer: Points, polygon: np.ndarray) -> np.ndarray:
    """Return the rows (k,) of a layer's visible points within a polygon.

    Parameters
    ----------
    polygon : (k, 2) float
        As (y, x) in world units.
    """
    places = np.asarray(layer.data)[:, -2:]
    shown = np.broadcast_to(np.asarray(layer.shown, bool), len(places))
    return np.flatnonzero(inside(places, to_data(layer, polygon)) & shown)


def combined(before: np.ndarray, found: np.ndarray, way: Way) -> np.ndarray:
    """Return the selected rows after a lasso, ascending.

    Parameters
    ----------
    before, found : (k,) int
        Rows selected before, and those within the lasso.

    Examples
    --------
    >>> combined(np.array([1, 2]), np.array([2, 3]), "add").tolist()
    [1, 2, 3]
    """
    chosen = np.zeros(max(before.max(initial=-1), found.max(initial=-1)) + 1, bool)
    if way != "new":
        chosen[before] = True
    chosen[found] = way != "remove"
    return np.flatnonzero(chosen)
