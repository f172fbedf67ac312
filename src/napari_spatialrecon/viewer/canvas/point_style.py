"""What all points of a layer have in common, as far as a picture of them has to know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.viewer.canvas.many_points import are_one
from napari_spatialrecon.viewer.canvas.picture import MOST_PX

if TYPE_CHECKING:
    from napari.layers import Points

_ROUND_PX = 6.0
"""Diameter up to which a symbol is not told from a disc."""
_THIN, _THIN_SHARE = 0.7, 0.12
"""Rim of a point at its least size, as `rims.thin_rims` has it."""


class PointStyle:
    """Size, rim and symbol of a layer's points.

    Parameters
    ----------
    layer
        Read once; `is_of` tells whether that still holds.
    before
        What was known before; comparing a million symbols takes a while.
    """

    def __init__(self, layer: Points, before: PointStyle | None = None) -> None:
        self._of = _arrays(layer)
        size, width, symbol = self._of
        self.alike = bool(len(size)) and bool((size == size[0]).all() and (width == width[0]).all())
        self.size, self.rim = (float(size[0]), float(width[0])) if self.alike else (0.0, 0.0)
        self.discs: bool
        if before is not None and before._of[2] is symbol:
            self.discs = before.discs
        else:
            self.discs = len(symbol) > 0 and str(symbol[0]) == "disc" and are_one(symbol)

    def is_of(self, layer: Points) -> bool:
        """Return whether the layer has not been given other sizes, rims or symbols since."""
        return all(one is other for one, other in zip(self._of, _arrays(layer), strict=True))

    def pixels(self, layer: Points, step: float) -> tuple[float, float] | None:
        """Return the diameter and the rim of a point in pixels; None if no picture can show it.

        Parameters
        ----------
        step
            Width of a pixel, in the unit of the layer's data.
        """
        if not self.alike or layer.shading != "none":
            return None
        own = self.size / step
        low, high = layer.canvas_size_limits
        diameter = float(np.clip(own, low, high))
        if diameter > (MOST_PX if self.discs else _ROUND_PX):
            return None
        share = self.rim if layer.border_width_is_relative else self.rim / max(self.size, 1e-9)
        rim = share * diameter
        if diameter > own and rim:
            rim = max(rim, min(_THIN, _THIN_SHARE * diameter))
        return diameter, min(rim, diameter / 2)


def _arrays(layer: Points) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return layer._size, layer._border_width, layer._symbol
