"""A saved super-resolved slide, shown as after its run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_spatialrecon.viewer.super_resolve.job import Resolved
from napari_spatialrecon.viewer.super_resolve.layers import GeneLayers

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer


OUTCOME = Resolved
"""What a run returned, and `of` its file."""


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
