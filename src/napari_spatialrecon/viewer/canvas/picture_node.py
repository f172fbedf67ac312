"""Draws a layer's points as one picture, in the place and order of its other visuals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.viewer.canvas.picture import (
    Discs,
    Frame,
    centers,
    clipped,
    packed,
    painted,
)
from napari_spatialrecon.viewer.canvas.standing_out import back_of, faint

if TYPE_CHECKING:
    from napari._vispy.layers.points import VispyPointsLayer
    from napari.layers import Points

    from napari_spatialrecon.viewer.canvas.cloud import Cloud

_BEFORE = 0.5
"""Drawn before the layer's own visual, which rings what is selected."""


class PictureNode:
    """A picture of all points of a layer.

    Attributes
    ----------
    discs
        Which point each pixel shows; None before the first.
    step
        Width of a pixel, in the unit of the layer's data.
    shown
        Whether it is drawn instead of the points.
    """

    def __init__(self, drawer: VispyPointsLayer) -> None:
        from vispy.scene.visuals import Image
        from vispy.visuals.transforms import STTransform

        self._drawer = drawer
        self._image = Image(texture_format="auto", interpolation="nearest", method="subdivide")
        self._pixels = STTransform()
        self._under: object = None
        self._frame: Frame | None = None
        self._cloud: Cloud | None = None
        self._colors: tuple[object, ...] = ()
        self._whole, self._cut = np.empty((0, 0, 4), np.uint8), ""
        self._shape: tuple[object, ...] = ()
        self.discs: Discs | None = None
        self.step, self.shown = 0.0, False
        self._image.visible = False

    def hide(self) -> None:
        """Draw the points again."""
        if self.shown:
            self.shown = self._image.visible = False
            self._drawer.node.points_markers.visible = True

    def follow(self) -> None:
        """Be as visible as the layer's other visuals."""
        visible = self.shown and self._drawer.node.visible
        if self._image.visible != visible:
            self._image.visible = visible

    def close(self) -> None:
        """Remove it from the canvas."""
        self.hide()
        self._image.parent = None

    def is_of(self, layer: Points) -> bool:
        """Return whether it is the picture of a layer."""
        return self._drawer.layer is layer

    def covers(self, view: np.ndarray, step: float, off: float) -> bool:
        """Return whether it covers a view in pixels of a width, to within a factor."""
        if self._frame is None or self._cloud is None or not self.shown:
            return False
        box = self._frame.box + self._cloud.origin
        inside = (view[0] >= box[0]).all() and (view[1] <= box[1]).all()
        return bool(inside) and 1 / off <= step / self.step <= off

    def show(self, cloud: Cloud, box: np.ndarray, step: float, diameter: float, rim: float) -> None:
        """Make the picture anew.

        Parameters
        ----------
        box : (2, 2) float
            Low and high x, y of what it shows, in the layer's data.
        step
            Width of a pixel in the layer's data.
        diameter, rim
            Of a point, in pixels.
        """
        frame = Frame.over(box - cloud.origin, step)
        self.discs = Discs.of(centers(cloud.x, cloud.y, frame), diameter, rim)
        self._frame, self._cloud, self.step = frame, cloud, step
        self._shape, self._colors = (diameter, rim), ()
        self._pixels.scale, self._pixels.translate = (step, step), frame.low + cloud.origin
        self.shown = True
        self._drawer.node.points_markers.visible = False

    def fits(self, cloud: Cloud, diameter: float, rim: float) -> bool:
        """Return whether it shows these points in this size, up to the scale of the view."""
        return self._cloud is cloud and self._shape == (diameter, rim)

    def paint(self, layer: Points) -> None:
        """Color it as the layer is colored now, and put it where the layer is."""
        assert self._frame is not None and self._cloud is not None and self.discs is not None
        planes = _planes(layer)
        back = back_of(layer)
        now = (layer.face_color, layer.border_color, back)
        painted_anew = not _same(now, self._colors)
        if painted_anew:
            rimmed, cloud = self.discs.face is not None, self._cloud
            faces = packed(cloud.of(faint(layer.face_color, back)))
            rims = packed(cloud.of(faint(layer.border_color, back))) if rimmed else None
            self._whole = painted(self.discs, faces, rims)
            self._colors = now
        if painted_anew or repr(planes) != self._cut:
            planes = [(at - self._cloud.origin, normal) for at, normal in planes]
            self._image.set_data(clipped(self._whole, self._frame, planes))
            self._cut = repr(_planes(layer))
        self._place()

    def _place(self) -> None:
        """Follow the layer's own visual; only what differs is set, since each change draws anew."""
        from vispy.visuals.transforms import ChainTransform

        node, image = self._drawer.node, self._image
        if image.parent is not node.parent:
            image.parent = node.parent
            self._under = None
        if self._under is not node.transform:
            self._under = node.transform
            image.transform = ChainTransform([node.transform, self._pixels])
        self.follow()
        if image.order != node.order - _BEFORE:
            image.order = node.order - _BEFORE
        if image.opacity != node.opacity:
            image.opacity = node.opacity
        state = {**node.points_markers._vshare.gl_state, "depth_test": False}
        if image._vshare.gl_state != state:
            image.set_gl_state(**state)


def _same(now: tuple[object, ...], before: tuple[object, ...]) -> bool:
    return len(now) == len(before) and all(
        one is other or (isinstance(one, str) and one == other)
        for one, other in zip(now, before, strict=True)
    )


def _planes(layer: Points) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return a point and the normal of each plane that clips a layer, (2,) as x, y of its data."""
    return [
        (np.asarray(plane.position)[:-3:-1], np.asarray(plane.normal)[:-3:-1])
        for plane in layer.experimental_clipping_planes
        if plane.enabled
    ]
