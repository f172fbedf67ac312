"""Placed cells that come from a file, colored as after a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_spatialrecon.tissue.slots import OURS, UNCERTAINTY
from napari_spatialrecon.viewer.canvas.colors import set_point_colors
from napari_spatialrecon.viewer.canvas.point_values import values
from napari_spatialrecon.viewer.canvas.table_metadata import table_of

if TYPE_CHECKING:
    from napari.utils.events import Event


def color_placed(event: Event) -> None:
    """Color a layer that was inserted by its expected error, if it shows cells of a saved run."""
    layer = event.value
    ours = layer.metadata.get(OURS, {})
    adata = table_of(layer)
    if adata is not None and ours.get("role") == "result" and "path" in ours:
        found, kind, title = values(adata, UNCERTAINTY)
        set_point_colors(layer, found, kind=kind, title=title)
