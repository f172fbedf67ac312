"""Saved maps of genes, shown as after their run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_spatialrecon.viewer.impute_genes.job import Imputed
from napari_spatialrecon.viewer.impute_genes.layers import GeneLayers
from napari_spatialrecon.viewer.task.ground import stated_diameter_um

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer, Points


OUTCOME = Imputed
"""What a run returned, and `of` its file."""


def show(
    viewer: ViewerModel,
    outcome: Imputed,
    name: str,
    *,
    diameter_um: float | None,
    image: Image | None,
) -> Points:
    """Show the first gene on the spots, as large as they are."""
    diameter = diameter_um or stated_diameter_um(outcome.adata)
    layers = GeneLayers(viewer, outcome, name, diameter_um=diameter, image=image)
    layers.show(outcome.first_gene)
    return layers.main


def attach(viewer: ViewerModel, outcome: Imputed, name: str, layer: Layer) -> GeneLayers | None:
    """Return what shows one gene after the other."""
    from napari.layers import Points

    return GeneLayers.over(viewer, outcome, name, layer) if isinstance(layer, Points) else None
