"""A saved placement, shown as after its run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_spatialrecon.viewer.place.diagnostics import with_communities
from napari_spatialrecon.viewer.place.job import Placed
from napari_spatialrecon.viewer.task.result_layers import show_result

if TYPE_CHECKING:
    from anndata import AnnData
    from napari.components import ViewerModel
    from napari.layers import Image, Layer, Points

    from napari_spatialrecon.tissue.images import Histology


def revive(adata: AnnData, record: Mapping[str, Any], image: Histology | None) -> Placed:
    """Return the outcome of the run."""
    return Placed(with_communities(adata), record)


def show(
    viewer: ViewerModel,
    outcome: Placed,
    name: str,
    *,
    diameter_um: float | None,
    image: Image | None,
) -> Points:
    """Show the cells on their histology."""
    return show_result(viewer, outcome, name, diameter_um=diameter_um, image=image)


def attach(viewer: ViewerModel, outcome: Placed, name: str, layer: Layer) -> None:
    """Points need nothing else."""
