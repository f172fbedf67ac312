"""Layers that only show a comparison: made anew when needed, and never saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_spatialrecon.tissue.slots import OURS

if TYPE_CHECKING:
    from napari.layers import Layer

COMPARISON = "comparison"
"""Key of our metadata of such a layer."""


def is_comparison(layer: Layer) -> bool:
    """Return whether a layer only shows a comparison."""
    return bool(layer.metadata.get(OURS, {}).get(COMPARISON))
