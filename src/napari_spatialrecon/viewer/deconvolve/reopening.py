"""Saved mixtures of cell types, shown as after their run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_spatialrecon.viewer.canvas.pies import show_pies
from napari_spatialrecon.viewer.deconvolve.job import Mixed
from napari_spatialrecon.viewer.deconvolve.layers import show_mixtures
from napari_spatialrecon.viewer.task.ground import stated_diameter_um

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer, Points


OUTCOME = Mixed
"""What a run returned, and `of` its file."""


def show(
    viewer: ViewerModel,
    outcome: Mixed,
    name: str,
    *,
    diameter_um: float | None,
    image: Image | None,
) -> Points:
    """Show the spots as pies, as large as they are."""
    diameter = diameter_um or stated_diameter_um(outcome.adata)
    return show_mixtures(viewer, outcome, name, diameter_um=diameter, image=image)


def attach(viewer: ViewerModel, outcome: Mixed, name: str, layer: Layer) -> None:
    """Draw the pies."""
    from napari.layers import Points

    if isinstance(layer, Points) and len(layer.data) == len(outcome.proportions):
        show_pies(layer, outcome.proportions, outcome.types)
