"""Layers of a comparison or of landmarks: made anew when needed, and never saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_spatialrecon.tissue.slots import OURS

if TYPE_CHECKING:
    from napari.layers import Layer

PASSING = "passing"
"""Key of our metadata of such a layer."""


def is_passing(layer: Layer) -> bool:
    """Return whether a layer is made anew when needed."""
    return bool(layer.metadata.get(OURS, {}).get(PASSING))
