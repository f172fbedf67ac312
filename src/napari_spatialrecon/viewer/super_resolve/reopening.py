"""A saved super-resolved slide, shown as after its run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_spatialrecon.viewer.super_resolve.job import Resolved, drawable
from napari_spatialrecon.viewer.super_resolve.layers import GeneLayers

if TYPE_CHECKING:
    from anndata import AnnData
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

    from napari_spatialrecon.tissue.images import Histology


def revive(adata: AnnData, record: Mapping[str, Any], image: Histology | None) -> Resolved:
    """Return the outcome of the run; the places of the parts follow from the table."""
    from napari_spatialrecon.tasks.super_result import stored_parts

    return drawable(adata, dict(record), stored_parts(adata), image)


def show(
    viewer: ViewerModel,
    outcome: Resolved,
    name: str,
    *,
    diameter_um: float | None,
    image: Image | None,
) -> Image:
    """Show the gene that varies most on the histology."""
    layers = GeneLayers(viewer, outcome, name, image)
    layers.show(outcome.first_gene)
    layers.lock(True)
    if image is not None:
        image.visible = True
    viewer.layers.selection = {layers.main}
    return layers.main


def attach(viewer: ViewerModel, outcome: Resolved, name: str, layer: Layer) -> GeneLayers | None:
    """Return what shows one gene after the other, and colors the parts once they are shown."""
    return GeneLayers.over(viewer, outcome, name)
