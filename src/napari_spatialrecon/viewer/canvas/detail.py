"""Smooth panning over many points: while the view moves, only some of them are drawn.

Of the points in view and in a margin around it, as many are drawn as a frame has time for: all if
they are few enough, else a random subset, the same in each frame. Meanwhile their edges are not
antialiased, since without a graphics card that takes most of the time. All points are drawn once
the view stops moving. A line on the canvas says when a frame shows a subset.
Layers, selection and hover are not affected, nor are screenshots taken by a script.
"""

from __future__ import annotations

import time
import weakref
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_spatialrecon.viewer.canvas.point_nodes import draw_all, draw_some
from napari_spatialrecon.viewer.canvas.subset_notice import SubsetNotice
from napari_spatialrecon.viewer.window.main_window import has_window, main_window

if TYPE_CHECKING:
    from napari._vispy.visuals.markers import Markers
    from napari.components import ViewerModel
    from napari.layers import Points
    from napari.utils.events import Event
    from napari.viewer import Viewer
    from vispy.app.canvas import DrawEvent, MouseEvent

FRAME_S = 0.04
"""Seconds for drawing the points of a frame while the view moves."""
REST_MS = 150
"""Milliseconds without movement after which all points are drawn."""
LEAST = 2_000
"""At least this many points are drawn, however slow."""
MARGIN = 0.25
"""Margin on each side of the view, as a share of its width."""
_OFF = 1.6
"""Factor by which the number of points may differ from what a frame has time for."""


@dataclass
class _Part:
    """The points of a layer that are drawn while the view moves.

    Parameters
    ----------
    box : (2, 2)
        Least and greatest x, y of the region, in the layer's data.
    rows : (n_drawn,) int
        Rows of the points.
    share
        Share of the points in the box.
    most
        Number of points in view that there was time for.
    """

    box: np.ndarray
    rows: np.ndarray
    share: float
    most: float

    def serves(self, view: np.ndarray, most: float) -> bool:
        """Return whether it covers a view with about as many points as there is time for."""
        if not _within(view, self.box):
            return False
        if self.share == 1.0:
            return True
        small = (view[1] - view[0]) * (1 + 2 * MARGIN) * 2 < self.box[1] - self.box[0]
        return not small.any() and 1 / _OFF < most / self.most < _OFF


class Detail(QObject):
    """Draws fewer points of a viewer's layers while its user moves the view.

    Parameters
    ----------
    viewer
        A viewer with a window.
    parent
        Deleting it deletes this too.
    """

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = weakref.ref(viewer)
        self._canvas = viewer.window._qt_viewer.canvas
        self._parts: weakref.WeakKeyDictionary[Markers, _Part] = weakref.WeakKeyDictionary()
        self._heard: weakref.WeakSet[Markers] = weakref.WeakSet()
        self._second_per_point: float | None = None
        self._began, self._by_hand = 0.0, False
        self._corners = np.zeros((2, 2))
        self.notice = SubsetNotice(self._canvas.native)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._draw_all)
        events = self._canvas._scene_canvas.events
        for touched in (events.mouse_wheel, events.mouse_press, events.mouse_move):
            touched.connect(self._on_hand, position="first")
        events.draw.connect(self._before, position="first")
        events.draw.connect(self._after, position="last")

    @property
    def drawn(self) -> int:
        """Number of points that a frame draws now."""
        return sum(
            len(part.rows) if (part := self._parts.get(markers)) else len(markers._data)
            for _, markers in self._shown()
        )

    @property
    def moving(self) -> bool:
        """Whether the user is moving the view."""
        return self._rest.isActive()

    def _shown(self) -> list[tuple[Points, Markers]]:
        """Return the visible points layers, each with its markers."""
        from napari.layers import Points

        nodes = ((layer, v.node) for layer, v in self._canvas.layer_to_visual.items())
        points = (
            (layer, getattr(node, "points_markers", None))
            for layer, node in nodes
            if isinstance(layer, Points) and layer.visible
        )
        return [(layer, m) for layer, m in points if m is not None and m._data is not None]

    def _on_hand(self, event: MouseEvent) -> None:
        if event.type != "mouse_move" or event.button is not None:
            self._rest.start()

    def _before(self, event: DrawEvent) -> None:
        """Draw a subset while the user moves the view, all points once the subset is outdated."""
        self._began = time.perf_counter()
        self._corners, self._by_hand = self._canvas._viewbox_corners_in_world, self.moving
        shown, cost = self._shown(), self._second_per_point
        slow = cost is not None and _total(shown) > LEAST
        for layer, markers in shown:
            part, view = self._parts.get(markers), self._view(layer)
            if self._by_hand and cost is not None and slow:
                most = max(FRAME_S / cost, LEAST)
                if part is None or not part.serves(view, most):
                    self._choose(markers, view, most)
                markers.antialias = 0
            elif part is not None and not _within(view, part.box):
                self._forget(layer, markers)
        self.notice.tell(self._share(shown))

    def _choose(self, markers: Markers, view: np.ndarray, most: float) -> None:
        margin = MARGIN * (view[1] - view[0])
        box = np.stack([view[0] - margin, view[1] + margin])
        points = markers._data["a_position"][:, : view.shape[1]]
        rows = np.flatnonzero(_inside(points, box))
        in_view = int(_inside(points[rows], view).sum())
        share = min(1.0, most / max(1, in_view))
        if share < 1.0:
            rows = rows[_lot(len(points))[rows] < share]
        if markers not in self._heard:
            markers.events.data_updated.connect(self._on_uploaded)
            self._heard.add(markers)
        draw_some(markers, rows if len(rows) else np.zeros(1, int))
        self._parts[markers] = _Part(box, rows, share, most)

    def _on_uploaded(self, event: Event) -> None:
        """Draw all points that have just been uploaded."""
        if self._parts.pop(event.source, None) is not None and event.source._data is not None:
            draw_all(event.source)

    def _forget(self, layer: Points, markers: Markers) -> None:
        if self._parts.pop(markers, None) is not None:
            markers.antialias = layer.antialiasing
            draw_all(markers)

    def _draw_all(self) -> None:
        """Draw what was omitted; if nothing in view was, only antialias the edges."""
        for layer, markers in self._shown():
            part = self._parts.get(markers)
            if part is not None and part.share < 1.0:
                self._forget(layer, markers)
            elif part is not None:
                markers.antialias = layer.antialiasing
        self.notice.tell(1.0)

    def _share(self, shown: list[tuple[Points, Markers]]) -> float:
        """Return the least share of the points in view that is drawn of a layer."""
        return min((part.share for _, m in shown if (part := self._parts.get(m))), default=1.0)

    def _view(self, layer: Points) -> np.ndarray:
        """Return what the window shows of a layer, in x, y of its data: (2, 2), low and high."""
        viewer, displayed = self._viewer(), list(layer._slice_input.displayed)
        if viewer is None or len(displayed) != 2 or viewer.dims.ndisplay != 2:
            return np.array([[-np.inf], [np.inf]])
        corners = list(product(*self._corners[:, list(viewer.dims.displayed)].T))
        transform = layer._transforms[1:].simplified.set_slice(displayed)
        data = np.asarray(transform.inverse(corners))[:, ::-1]
        return np.stack([data.min(axis=0), data.max(axis=0)])

    def _after(self, event: DrawEvent) -> None:
        """Measure the cost of a point in view, after waiting for the graphics card."""
        shown = self._shown()
        if _total(shown) <= LEAST:
            return
        from vispy.gloo import gl

        gl.glFinish()
        seconds = time.perf_counter() - self._began
        in_view = sum(self._in_view(layer, markers) for layer, markers in shown)
        self._second_per_point = seconds / max(in_view, LEAST)
        if self._by_hand:
            self._rest.start()

    def _in_view(self, layer: Points, markers: Markers) -> int:
        part, points = self._parts.get(markers), markers._data["a_position"]
        view = self._view(layer)
        points = points[:, : view.shape[1]] if part is None else points[part.rows, : view.shape[1]]
        return int(_inside(points, view).sum())


def _total(shown: list[tuple[Points, Markers]]) -> int:
    return sum(len(markers._data) for _, markers in shown)


def _inside(points: np.ndarray, box: np.ndarray) -> np.ndarray:
    return ((points >= box[0]) & (points <= box[1])).all(axis=1)


def _within(view: np.ndarray, box: np.ndarray) -> bool:
    return bool((view[0] >= box[0]).all() and (view[1] <= box[1]).all())


@lru_cache(maxsize=4)
def _lot(n: int) -> np.ndarray:
    """Return a number in [0, 1) for each of n points, always the same."""
    return np.random.default_rng(0).random(n, np.float32)


details: weakref.WeakKeyDictionary[ViewerModel, Detail] = weakref.WeakKeyDictionary()
"""The `Detail` of each viewer."""


def keep_smooth(viewer: ViewerModel) -> None:
    """Draw fewer points while the view of this viewer moves; further calls do nothing."""
    from napari_spatialrecon.viewer.canvas.layers import unwrapped

    viewer = unwrapped(viewer)
    if viewer not in details and has_window(viewer):
        details[viewer] = Detail(viewer, main_window(viewer))
