"""A saved placement, shown as after its run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_spatialrecon.viewer.place.job import Placed
from napari_spatialrecon.viewer.task.result_layers import show_result

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer, Points


OUTCOME = Placed
"""What a run returned, and `of` its file."""


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
