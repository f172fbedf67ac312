"""What is drawn of a layer: its points one by one, or a picture of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.viewer.canvas.cloud import Cloud
from napari_spatialrecon.viewer.canvas.picture_node import PictureNode
from napari_spatialrecon.viewer.canvas.point_style import PointStyle
from napari_spatialrecon.viewer.canvas.standing_out import back_of

if TYPE_CHECKING:
    from napari._vispy.layers.points import VispyPointsLayer
    from napari.layers import Points

MARGIN = 0.25
"""Margin on each side of the view, as a share of its width."""
_OFF = 1.6
"""Factor by which the number of points may differ from what a frame has time for."""


@dataclass
class DrawnPart:
    """The points of a layer that are drawn one by one.

    Parameters
    ----------
    box : (2, 2)
        Least and greatest x, y of the region, in the layer's data.
    count
        Number of points drawn.
    share
        Share of the points in the box.
    most
        Number of points in view that there was time for.
    looks
        What the points looked like when they were uploaded; None if napari uploads them.
    """

    box: np.ndarray
    count: int
    share: float
    most: float
    looks: tuple[object, ...] | None

    def serves(self, view: np.ndarray, most: float, in_view: int) -> bool:
        """Return whether it covers a view with about as many points as there is time for."""
        if not _within(view, self.box):
            return False
        if self.share == 1.0:
            return in_view <= most
        small = (view[1] - view[0]) * (1 + 2 * MARGIN) * 2 < self.box[1] - self.box[0]
        return not small.any() and 1 / _OFF < most / self.most < _OFF


class Drawn:
    """What is known of a layer that is drawn: its points, and how they are drawn now."""

    def __init__(self, drawer: VispyPointsLayer) -> None:
        self.cloud: Cloud | None = None
        self.style: PointStyle | None = None
        self.part: DrawnPart | None = None
        self.picture = PictureNode(drawer)
        self.settled = True

    @property
    def count(self) -> int | None:
        """Number of points drawn; None for all."""
        return None if self.picture.shown or self.part is None else self.part.count


def looks_of(layer: Points) -> tuple[object, ...]:
    """Return what tells whether the points look as they did."""
    sizes = (layer._size, layer._border_width, layer._symbol)
    return (layer.face_color, layer.border_color, *sizes, back_of(layer))


def are_alike(one: tuple[object, ...] | None, other: tuple[object, ...] | None) -> bool:
    """Return whether two looks are of the same arrays."""
    if one is None or other is None:
        return one is other
    return all(a is b for a, b in zip(one, other, strict=True))


def _within(view: np.ndarray, box: np.ndarray) -> bool:
    return bool((view[0] >= box[0]).all() and (view[1] <= box[1]).all())


@lru_cache(maxsize=4)
def lot(n: int) -> np.ndarray:
    """Return a number in [0, 1) for each of n points, always the same."""
    return np.random.default_rng(0).random(n, np.float32)
