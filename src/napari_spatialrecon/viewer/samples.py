"""File > Open Sample: simulated tissue with slides, H&E and dissociated cells."""

from __future__ import annotations

import numpy as np

from napari_spatialrecon.viewer.reader import Read
from napari_spatialrecon.viewer.window.main_window import has_window
from napari_spatialrecon.viewer.workspace.simulated import (
    list_simulated_cells,
    open_simulated,
    simulated,
    simulated_layers,
)

#: An image without channels, of which napari makes no layer: it takes a sample for opened, where
#: it would report an error if nothing were returned.
LATER: Read = [(np.zeros((0, 1, 1)), {"channel_axis": 0}, "image")]


def cortex() -> Read:
    """Return a simulated cortex: layered slides, and cells to place on them."""
    return _sample("cortex")


def tumour() -> Read:
    """Return a simulated tumour: nests in stroma, and cells to place on them."""
    return _sample("tumour")


def _sample(tissue: str) -> Read:
    """Return layers, or `LATER` if there is a window, which adds them once they are ready."""
    from napari import current_viewer

    viewer = current_viewer()
    if has_window(viewer):
        open_simulated(viewer, tissue)
        return LATER
    made = simulated(tissue)
    if viewer is not None:
        list_simulated_cells(viewer, made)
    return simulated_layers(made)
