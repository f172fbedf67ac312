"""The first colors of a table that was opened: of cell types, or of the uncertainty of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_spatialrecon.tissue.slots import OURS, UNCERTAINTY
from napari_spatialrecon.viewer.canvas.coloring import color_layer
from napari_spatialrecon.viewer.canvas.colors import color_key
from napari_spatialrecon.viewer.canvas.layer_values import type_column
from napari_spatialrecon.viewer.canvas.rims import has_rims, set_first_rims
from napari_spatialrecon.viewer.canvas.table_metadata import table_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer


def color_opened(viewer: ViewerModel, layer: Layer) -> None:
    """Color a layer that was opened, if nothing did yet.

    Cells of a saved run show their uncertainty; a slide shows its cell types if a column holds
    them, and stays plain otherwise. Points have rims for what lies below them.
    """
    from napari.layers import Points

    if not isinstance(layer, Points) or layer.ndim != 2:
        return
    adata, ours = table_of(layer), layer.metadata.get(OURS, {})
    if adata is None or ours.get("role") not in ("slide", "result") or color_key(layer):
        return
    name = UNCERTAINTY if UNCERTAINTY in adata.obs else type_column(layer)
    if name is not None and adata.n_obs == len(layer.data):
        color_layer(layer, name)
    if not has_rims(layer):
        set_first_rims(viewer, layer)
