"""Mixtures of cell types in the viewer: pies of all types, and one type as colored points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_spatialrecon.tissue.slots import MAIN_TYPE
from napari_spatialrecon.viewer.canvas.colors import set_point_colors
from napari_spatialrecon.viewer.canvas.layers import LEAST_PIXELS
from napari_spatialrecon.viewer.canvas.pies import show_pies
from napari_spatialrecon.viewer.canvas.twin_layers import twin
from napari_spatialrecon.viewer.deconvolve.job import Mixed
from napari_spatialrecon.viewer.task.result_layers import show_result

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Points


def show_mixtures(
    viewer: ViewerModel,
    outcome: Mixed,
    name: str,
    *,
    diameter_um: float | None = None,
    image: Image | None = None,
    frame: Points | None = None,
) -> Points:
    """Add the spots of an outcome as pies, or replace those of an earlier run."""
    layer = show_result(
        viewer,
        outcome,
        name,
        diameter_um=diameter_um,
        image=image,
        frame=frame,
        color=MAIN_TYPE,
    )
    layer.canvas_size_limits = (LEAST_PIXELS, layer.canvas_size_limits[1])
    show_pies(layer, outcome.proportions, outcome.types)
    return layer


def share_name(name: str) -> str:
    """Return the name of the layer that shows one type of a run."""
    return f"{name} · one type"


def show_share(viewer: ViewerModel, outcome: Mixed, pies: Points, name: str, number: int) -> Points:
    """Show one cell type as colored points, on a layer that all types share.

    Parameters
    ----------
    pies
        The layer of all types; it is hidden, and gives position and size.
    name
        Of the run.
    number
        Column of the type.
    """
    layer = twin(viewer, pies, share_name(name))
    shares, title = outcome.proportions[:, number], outcome.types[number]
    layer.name = f"{name} · {title}"
    top = float(shares.max()) or 1.0
    set_point_colors(layer, shares, kind="gene", title=f"share of {title}", limits=(0.0, top))
    pies.visible, layer.visible = False, True
    viewer.layers.selection = {layer}
    return layer
