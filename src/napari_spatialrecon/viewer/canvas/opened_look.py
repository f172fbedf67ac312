"""The first colors of a table that was opened: of cell types, or of the uncertainty of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_spatialrecon.tissue.slots import OURS, UNCERTAINTY
from napari_spatialrecon.viewer.canvas.coloring import Coloring, painting
from napari_spatialrecon.viewer.canvas.colors import color_key
from napari_spatialrecon.viewer.canvas.layer_values import Found, layer_values, type_column
from napari_spatialrecon.viewer.canvas.rims import has_rims, set_first_rims
from napari_spatialrecon.viewer.canvas.table_metadata import table_of
from napari_spatialrecon.viewer.window.steps import Steps, at_once

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer


def color_opened(viewer: ViewerModel, layer: Layer) -> None:
    """Color a layer that was opened, if nothing did yet.

    Cells of a saved run show their uncertainty; a slide shows its cell types if a column holds
    them, and stays plain otherwise. Points have rims for what lies below them.
    """
    at_once(coloring_opened(viewer, layer))


def coloring_opened(viewer: ViewerModel, layer: Layer) -> Steps:
    """Do what `color_opened` does in steps; between them the layer may be removed or colored."""
    from napari.layers import Points

    if not isinstance(layer, Points) or layer.ndim != 2:
        return
    adata, ours = table_of(layer), layer.metadata.get(OURS, {})
    if adata is None or ours.get("role") not in ("slide", "result") or color_key(layer):
        return
    n = len(layer.data)

    def look() -> tuple[str | None, Found | None]:
        name = UNCERTAINTY if UNCERTAINTY in adata.obs else type_column(layer)
        known = name is not None and adata.n_obs == n
        return name, layer_values(layer, name) if known and name is not None else None

    name, found = yield look

    def stays() -> bool:
        return layer in viewer.layers and len(layer.data) == n

    if name is not None and found is not None and stays() and color_key(layer) is None:
        yield from painting(layer, Coloring(name), found)
    if not has_rims(layer) and stays():
        yield None
        set_first_rims(viewer, layer)
