"""Bounded frames over many points: what is drawn is what a frame has time for.

If all points in view fit into the time of a frame, they are drawn as napari does, and those far
outside are left out. Else they are drawn as one picture (`picture.py`), which shows all of them.
Only points that no picture can show, of different sizes or in three dimensions, are left out: then
a random subset is drawn, the same in each frame, and a line on the canvas says so. A frame has less
time while the user moves the view than at rest. Layers, selection and hover are not affected, and
a screenshot shows all points.
"""

from __future__ import annotations

import time
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_spatialrecon.viewer.canvas.cloud import Cloud
from napari_spatialrecon.viewer.canvas.collector import Collector
from napari_spatialrecon.viewer.canvas.drawn import (
    MARGIN,
    Drawn,
    DrawnPart,
    are_alike,
    looks_of,
    lot,
)
from napari_spatialrecon.viewer.canvas.many_points import is_lean, upload, upload_less
from napari_spatialrecon.viewer.canvas.picture_node import PictureNode
from napari_spatialrecon.viewer.canvas.point_nodes import draw_all, draw_some
from napari_spatialrecon.viewer.canvas.point_style import PointStyle
from napari_spatialrecon.viewer.canvas.programs import read_shaders_once
from napari_spatialrecon.viewer.canvas.quiet_layers import MANY
from napari_spatialrecon.viewer.canvas.subset_notice import SubsetNotice
from napari_spatialrecon.viewer.canvas.window_view import view_of
from napari_spatialrecon.viewer.window.ended import when_destroyed
from napari_spatialrecon.viewer.window.main_window import has_window, main_window
from napari_spatialrecon.viewer.window.steps import nothing
from napari_spatialrecon.viewer.window.turns import Turns

if TYPE_CHECKING:
    from napari._vispy.layers.points import VispyPointsLayer
    from napari._vispy.visuals.markers import Markers
    from napari.components import ViewerModel
    from napari.layers import Points
    from napari.utils.events import Event
    from napari.viewer import Viewer
    from vispy.app.canvas import DrawEvent, MouseEvent

FRAME_S, REST_S = 0.025, 0.12
"""Seconds for drawing the points of a frame, while the view moves and at rest."""
REST_MS = 150
"""Milliseconds without movement after which the view rests."""
LEAST = 2_000
"""At least this many points are drawn one by one, however slow."""
AT_ONCE = 100_000
"""Points of a new layer above which its first frame, which builds its shaders, leaves them out."""
NEXT_MS = 20
"""Milliseconds from that frame to the next, in which the window hears what the user did."""
SOFTWARE_S = 8e-6
"""Seconds for a point without a graphics card, before the first frame is measured."""
_STRETCH = 1.25
"""Factor by which a picture may be stretched while the view moves."""
_SOFTWARE = ("llvmpipe", "softpipe", "swiftshader", "software")


class Detail(QObject):
    """Draws as many points of a viewer's layers as there is time for.

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
        self._drawn: weakref.WeakKeyDictionary[Markers, Drawn] = weakref.WeakKeyDictionary()
        self._second_per_point: float | None = None
        self._began, self._by_hand, self._whole, self._measured = 0.0, False, False, 0
        self._next = False
        self._corners = np.zeros((2, 2))
        self.notice = SubsetNotice(self._canvas.native)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._settle)
        events = self._canvas._scene_canvas.events
        for touched in (events.mouse_wheel, events.mouse_press, events.mouse_move):
            touched.connect(self._on_hand, position="first")
        events.draw.connect(self._before, position="first")
        events.draw.connect(self._after, position="last")
        viewer.layers.events.removed.connect(self._on_removed)
        self._apart = Turns(self._canvas.native, self)
        self._take_screenshot = self._canvas.screenshot
        self._canvas.screenshot = self._screenshot
        self.collector = Collector(viewer, self)

    @property
    def drawn(self) -> int:
        """Number of points that the last frame shows or would show if they were in view."""
        counts = ((layer, self._drawn.get(d.node.points_markers)) for layer, d in self._shown())
        return sum(
            len(layer._view_indices) if drawn is None or drawn.count is None else drawn.count
            for layer, drawn in counts
        )

    @property
    def moving(self) -> bool:
        """Whether the user is moving the view."""
        return self._rest.isActive()

    def picture_of(self, layer: Points) -> PictureNode | None:
        """Return the picture that shows a layer's points; None while they are drawn one by one."""
        for other, drawer in self._shown():
            drawn = self._drawn.get(drawer.node.points_markers)
            if other is layer and drawn is not None and drawn.picture.shown:
                return drawn.picture
        return None

    def _drawers(self) -> list[tuple[Points, VispyPointsLayer]]:
        from napari.layers import Points

        return [
            (layer, drawer)
            for layer, drawer in self._canvas.layer_to_visual.items()
            if isinstance(layer, Points) and hasattr(drawer.node, "points_markers")
        ]

    def _shown(self) -> list[tuple[Points, VispyPointsLayer]]:
        """Return the visible points layers, each with what draws it."""
        return [
            (layer, drawer)
            for layer, drawer in self._drawers()
            if layer.visible and drawer.node.points_markers._data is not None
        ]

    def _on_hand(self, event: MouseEvent) -> None:
        if event.type != "mouse_move" or event.button is not None:
            self._rest.start()
            self.collector.wait()

    def _screenshot(self) -> Any:
        self._whole = True
        try:
            return self._take_screenshot()
        finally:
            self._whole = False

    # Before a frame

    def _before(self, event: DrawEvent) -> None:
        """Choose what to draw of each layer."""
        self._began, self._measured = time.perf_counter(), 0
        self._corners, self._by_hand = self._canvas._viewbox_corners_in_world, self.moving
        shown = self._shown()
        many = sum(len(layer._view_indices) > LEAST for layer, _ in shown)
        most = self._time_for() / max(1, many)
        for layer, drawer in shown:
            self._choose(layer, drawer, max(most, LEAST))
        for layer, drawer in self._drawers():
            drawn = self._drawn.get(drawer.node.points_markers)
            if not layer.visible and drawn is not None:
                drawn.picture.follow()
        self.notice.tell(self._share(shown), moving=self._by_hand)

    def _time_for(self) -> float:
        """Return how many points a frame has time for."""
        if self._second_per_point is None:
            from vispy.gloo import gl

            name = str(gl.glGetParameter(gl.GL_RENDERER)).lower()
            if not any(word in name for word in _SOFTWARE):
                return np.inf
            self._second_per_point = SOFTWARE_S
        return (FRAME_S if self._by_hand else REST_S) / self._second_per_point

    def _choose(self, layer: Points, drawer: VispyPointsLayer, most: float) -> None:
        markers = drawer.node.points_markers
        n = len(layer._view_indices)
        drawn = self._drawn.get(markers)
        if drawn is None:
            if n <= LEAST:
                return
            drawn = self._drawn[markers] = Drawn(drawer)
            markers.events.data_updated.connect(self._on_uploaded)
            if n > max(most, AT_ONCE) and not self._whole:
                self._next = True
                return
        drawn.settled = not self._by_hand
        across = self._canvas._scene_canvas.physical_size[0]
        view, step = view_of(self._viewer(), layer, self._corners, across)
        if self._keep_picture(layer, drawn, view, step):
            return
        cloud = drawn.cloud
        if cloud is None or not cloud.is_of(layer):
            cloud, drawn.part = Cloud(layer), None
            drawn.cloud = cloud
        in_view = n if n <= most else int(np.count_nonzero(cloud.inside(view)))
        fits = in_view <= most
        pixels = None if fits or step is None else self._style(layer, drawn).pixels(layer, step)
        if pixels is not None and step is not None:
            # Whole pixels, so that those of the picture lie on those of the canvas.
            margin = step * np.ceil(MARGIN * (view[1] - view[0]) / step)
            box = np.stack([view[0] - margin, view[1] + margin])
            drawn.picture.show(cloud, box, step, *pixels)
            drawn.picture.paint(layer)
            drawn.part = None
            return
        drawn.picture.hide()
        if self._whole:
            most = np.inf
        smooth = 0 if self._by_hand and not n <= most else layer.antialiasing
        if markers.antialias != smooth:
            markers.antialias = smooth
        self._draw_part(drawer, drawn, view, most, in_view)

    def _keep_picture(
        self, layer: Points, drawn: Drawn, view: np.ndarray, step: float | None
    ) -> bool:
        """Keep the picture if it still shows the view; return whether it does."""
        picture, cloud = drawn.picture, drawn.cloud
        if step is None or cloud is None or not cloud.is_of(layer):
            return False
        if not picture.covers(view, step, _STRETCH if self._by_hand else 1.001):
            return False
        pixels = self._style(layer, drawn).pixels(layer, step)
        if pixels is None or not (self._by_hand or picture.fits(cloud, *pixels)):
            return False
        picture.paint(layer)
        return True

    def _style(self, layer: Points, drawn: Drawn) -> PointStyle:
        if drawn.style is None or not drawn.style.is_of(layer):
            drawn.style = PointStyle(layer, drawn.style)
        return drawn.style

    def _draw_part(
        self, drawer: VispyPointsLayer, drawn: Drawn, view: np.ndarray, most: float, in_view: int
    ) -> None:
        """Draw the points in view and around it one by one, or a subset of them."""
        layer, markers, cloud, part = (
            drawer.layer,
            drawer.node.points_markers,
            drawn.cloud,
            drawn.part,
        )
        assert cloud is not None
        large = is_lean(layer)
        looks = looks_of(layer) if large else None
        if part is not None and part.serves(view, most, in_view) and are_alike(part.looks, looks):
            self._measured += part.count
            return
        if not large and in_view == len(cloud) <= most:
            if drawn.part is not None:
                drawn.part = None
                draw_all(markers)
            self._measured += in_view
            return
        margin = MARGIN * (view[1] - view[0])
        box = np.stack([view[0] - margin, view[1] + margin])
        rows = np.flatnonzero(cloud.inside(box)) if in_view < len(cloud) else np.arange(len(cloud))
        share = min(1.0, most / max(1, in_view))
        if share == 1.0 and len(rows) > most:  # a crowd just out of view
            box, rows = view, np.flatnonzero(cloud.inside(view))
        if share < 1.0:
            rows = rows[lot(len(cloud))[rows] < share]
        with markers.events.data_updated.blocker(self._on_uploaded):
            if large:
                upload(drawer, cloud.rows[rows])
            else:
                draw_some(markers, rows if len(rows) else np.zeros(1, int))
        drawn.part = DrawnPart(box, len(rows), share, most, looks)
        self._measured += len(rows)

    def _on_uploaded(self, event: Event) -> None:
        """Choose anew what to draw of points that have just been changed."""
        drawn, markers = self._drawn.get(event.source), event.source
        if drawn is None:
            return
        small = drawn.part is not None and drawn.part.looks is None
        drawn.cloud = drawn.part = None
        drawn.settled = False
        if small and markers._data is not None:
            draw_all(markers)

    def draw_apart(self) -> None:
        """Draw what is being changed in a later turn: changing and drawing it both take a while."""
        self._apart.start(nothing())

    def _on_removed(self, event: Event) -> None:
        from napari.layers import Points

        # napari takes as long over it as the frame without it
        if isinstance(event.value, Points) and len(event.value.data) > MANY:
            self._apart.start(nothing())
        for markers, drawn in list(self._drawn.items()):
            if drawn.picture.is_of(event.value):
                drawn.picture.close()
                self._drawn.pop(markers, None)

    # After a frame

    def _settle(self) -> None:
        """Draw the frame of a view that rests."""
        if any(not drawn.settled for drawn in self._drawn.values()):
            self._canvas._scene_canvas.update()
        self.notice.tell(self._share(self._shown()), moving=False)

    def _share(self, shown: list[tuple[Points, VispyPointsLayer]]) -> float:
        """Return the least share of the points in view that is drawn of a layer."""
        found = (self._drawn.get(drawer.node.points_markers) for _, drawer in shown)
        parts = (drawn.part for drawn in found if drawn is not None and not drawn.picture.shown)
        return min((part.share for part in parts if part is not None), default=1.0)

    def _after(self, event: DrawEvent) -> None:
        """Measure the cost of a point, after waiting for the graphics card."""
        if self._next:
            self._next = False
            QTimer.singleShot(NEXT_MS, self._canvas._scene_canvas.update)
        if self._measured > LEAST or (self._measured and self._by_hand):
            from vispy.gloo import gl

            gl.glFinish()
            seconds = time.perf_counter() - self._began
            self._second_per_point = seconds / max(self._measured, LEAST)
        if self._by_hand and any(not drawn.settled for drawn in self._drawn.values()):
            self._rest.start()


details: weakref.WeakKeyDictionary[ViewerModel, Detail] = weakref.WeakKeyDictionary()
"""The `Detail` of each viewer."""


def keep_smooth(viewer: ViewerModel) -> None:
    """Draw only what a frame has time for in this viewer; further calls do nothing."""
    from napari_spatialrecon.viewer.canvas.layers import unwrapped

    viewer = unwrapped(viewer)
    if viewer not in details and has_window(viewer):
        made = details[viewer] = Detail(viewer, main_window(viewer))
        when_destroyed(made, _forget, weakref.ref(viewer))
        upload_less(_is_drawn, _draw_apart)
        read_shaders_once()


def _forget(held: weakref.ref[ViewerModel], *_: object) -> None:
    """Let go of a viewer whose window is gone: its canvas, which a `Detail` needs, holds it."""
    viewer = held()
    if viewer is not None:
        details.pop(viewer, None)


def _is_drawn(layer: Points) -> bool:
    """Return whether a `Detail` draws this layer."""
    return any(layer in viewer.layers for viewer in details)


def _draw_apart(layer: Points) -> None:
    """Draw new looks of a layer in a later turn, wherever it is shown."""
    if len(layer.data) > MANY:
        for viewer, detail in details.items():
            if layer in viewer.layers:
                detail.draw_apart()
