"""File > Open Sample: simulated tissue with slides, H&E and dissociated cells."""

from __future__ import annotations

from napari_spatialrecon.viewer.reader import NO_LAYERS, Read
from napari_spatialrecon.viewer.window.main_window import has_window
from napari_spatialrecon.viewer.workspace.simulated import (
    list_simulated_cells,
    open_simulated,
    simulated,
    simulated_layers,
)


def cortex() -> Read:
    """Return a simulated cortex: layered slides, and cells to place on them."""
    return _sample("cortex")


def tumour() -> Read:
    """Return a simulated tumour: nests in stroma, and cells to place on them."""
    return _sample("tumour")


def _sample(tissue: str) -> Read:
    """Return layers; an empty list if there is a window, which adds them once they are ready."""
    from napari import current_viewer

    viewer = current_viewer()
    if has_window(viewer):
        open_simulated(viewer, tissue)
        return NO_LAYERS
    made = simulated(tissue)
    if viewer is not None:
        list_simulated_cells(viewer, made)
    return simulated_layers(made)
