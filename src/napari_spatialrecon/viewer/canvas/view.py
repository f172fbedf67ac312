"""What of the canvas is in sight: the tissue, and not the glass around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.viewer.canvas.layer_values import can_fade

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

MARGIN = 0.12
"""Room around the tissue, as a part of the canvas."""
MARGIN_OF_PLACED = 0.2
"""The same around placed cells on an image, which often leave the rim of the tissue empty."""


def show_tissue(viewer: ViewerModel) -> None:
    """Zoom to the visible points, those hidden on a visible image, and images without points.

    The H&E of a slide is mostly glass: fitted as a whole, it leaves the tissue small.
    """
    from napari.layers import Image, Points

    images = [layer for layer in viewer.layers if isinstance(layer, Image) and layer.visible]
    points = [
        layer
        for layer in viewer.layers
        if isinstance(layer, Points)
        and len(layer.data)
        and (layer.visible or any(_covers(image, layer) for image in images))
    ]
    apart = [image for image in images if not any(_covers(image, layer) for layer in points)]
    if points:
        bare = any(can_fade(layer) and any(_covers(i, layer) for i in images) for layer in points)
        margin = MARGIN_OF_PLACED if bare else MARGIN
        viewer.reset_view(layers=[*points, *apart], margin=margin)
    else:
        viewer.reset_view()


def _covers(image: Layer, points: Layer) -> bool:
    """Return whether an image lies below half of what points span, or more."""
    low, high = points.extent.world[:, -2:]
    under_low, under_high = image.extent.world[:, -2:]
    span = np.maximum(high - low, 1e-9)
    common = np.clip(np.minimum(high, under_high) - np.maximum(low, under_low), 0, None)
    return bool(np.prod(common / span) >= 0.5)
