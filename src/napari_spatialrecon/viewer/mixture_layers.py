"""Mixtures of cell types in the viewer: pies of all types, and one type as coloured points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatialrecon.viewer.colors import set_point_colors
from napari_spatialrecon.viewer.layers import LEAST_PIXELS, OURS
from napari_spatialrecon.viewer.mixture_job import MAIN_TYPE, Mixed
from napari_spatialrecon.viewer.pies import show_pies
from napari_spatialrecon.viewer.result_layers import show_result

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Points

_OF = "share_of"


def show_mixtures(
    viewer: ViewerModel,
    outcome: Mixed,
    name: str,
    *,
    diameter_um: float | None = None,
    image: Image | None = None,
) -> Points:
    """Add the spots of an outcome as pies, or replace those of a run before."""
    layer = show_result(
        viewer, outcome, name, diameter_um=diameter_um, image=image, colour=MAIN_TYPE
    )
    layer.canvas_size_limits = (LEAST_PIXELS, layer.canvas_size_limits[1])
    show_pies(layer, outcome.proportions, outcome.types)
    return layer


def show_share(viewer: ViewerModel, outcome: Mixed, pies: Points, name: str, number: int) -> Points:
    """Show one cell type as coloured points, on a layer that all types take in turn.

    Parameters
    ----------
    pies
        The layer of all types; it is hidden, and followed in place and size.
    name
        Of the run.
    number
        Column of the type.
    """
    layer = share_layer(viewer, name) or _new_layer(viewer, pies, name)
    shares, title = outcome.proportions[:, number], outcome.types[number]
    layer.name = f"{name} · {title}"
    top = float(shares.max()) or 1.0
    set_point_colors(layer, shares, kind="gene", title=f"share of {title}", limits=(0.0, top))
    pies.visible, layer.visible = False, True
    viewer.layers.selection = {layer}
    return layer


def share_layer(viewer: ViewerModel, name: str) -> Points | None:
    """Return the layer that shows one type of a result, None while there is none."""
    return next((la for la in viewer.layers if la.metadata.get(OURS, {}).get(_OF) == name), None)


def forget_share(viewer: ViewerModel, name: str) -> None:
    """Take the layer of one type away, since its run was done again."""
    layer = share_layer(viewer, name)
    if layer is not None:
        viewer.layers.remove(layer)


def _new_layer(viewer: ViewerModel, pies: Points, name: str) -> Points:
    ours: dict[str, Any] = {k: v for k, v in pies.metadata[OURS].items() if k != "run"}
    layer = viewer.add_points(
        np.array(pies.data),
        size=pies.size,
        border_width=pies.border_width,
        border_width_is_relative=True,
        border_color=pies.border_color,
        canvas_size_limits=pies.canvas_size_limits,
        affine=pies.affine,
        units=pies.units,
        axis_labels=pies.axis_labels,
        features=pies.features,
        metadata={"adata": pies.metadata["adata"], OURS: {**ours, _OF: name}},
    )
    return layer
