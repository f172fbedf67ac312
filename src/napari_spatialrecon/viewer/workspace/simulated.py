"""Opening simulated tissue in a viewer: slides with H&E, and dissociated cells."""

from __future__ import annotations

import weakref
from functools import partial
from typing import TYPE_CHECKING

from napari_spatialrecon.viewer.canvas.view import show_tissue
from napari_spatialrecon.viewer.workspace.table_layers import table_layers
from napari_spatialrecon.viewer.workspace.workspace import Role, workspace_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.viewer import Viewer

    from napari_spatialrecon.progress import ProgressCallback, ShouldStop
    from napari_spatialrecon.tissue.simulator.result import SimulatedTissue
    from napari_spatialrecon.viewer.canvas.layers import LayerData

#: What each viewer was asked to simulate; the first is being made.
_waiting: weakref.WeakKeyDictionary[Viewer, list[str]] = weakref.WeakKeyDictionary()


def open_simulated(viewer: Viewer, tissue: str) -> None:
    """Simulate tissue in the background, then open it in this viewer; say so.

    Tissue that is open, or being simulated, is not opened again. Two kinds are made in turn.
    """
    from napari.layers import Layer

    from napari_spatialrecon.viewer.window.main_window import main_window
    from napari_spatialrecon.viewer.window.notify import notify_error, notify_info
    from napari_spatialrecon.viewer.window.worker import Run

    waiting = _waiting.setdefault(viewer, [])
    if workspace_of(viewer).named(f"{tissue} cells") is not None or tissue in waiting:
        state = "being simulated" if tissue in waiting else "open"
        notify_info(f"The sample {tissue} is {state} already.")
        return
    waiting.append(tissue)
    notify_info(f"Simulating {tissue}. Its slides appear when they are ready, within a minute.")
    if len(waiting) > 1:
        return

    def next_one() -> None:
        waiting.remove(tissue)
        if waiting:
            open_simulated(viewer, waiting.pop(0))

    def add(made: SimulatedTissue) -> None:
        layers = [Layer.create(*layer) for layer in simulated_layers(made)]
        workspace_of(viewer).tiling.place(reversed(layers))
        for layer in layers:
            viewer.add_layer(layer)
        show_tissue(viewer)
        list_simulated_cells(viewer, made)

    work = partial(simulated, tissue)
    run = Run(work, f"Simulating {tissue}", viewer=viewer, parent=main_window(viewer))
    run.returned.connect(add)
    run.failed.connect(notify_error)
    run.finished.connect(next_one)
    run.finished.connect(run.deleteLater)
    run.start()


def simulated(
    tissue: str,
    progress: ProgressCallback | None = None,
    should_stop: ShouldStop | None = None,
) -> SimulatedTissue:
    """Return a simulated ``"cortex"`` or ``"tumour"``."""
    from napari_spatialrecon.progress import Reporter
    from napari_spatialrecon.tissue.simulator.simulate import simulate

    return simulate(tissue, reporter=Reporter(progress, should_stop))


def simulated_layers(made: SimulatedTissue) -> list[LayerData]:
    """Return the layers of all slides, the first slide on top."""
    slides = [
        table_layers(slide, f"{made.tissue} {number}")
        for number, slide in enumerate(made.slides, 1)
    ]
    return [layer for layers in reversed(slides) for layer in layers]


def list_simulated_cells(viewer: ViewerModel, made: SimulatedTissue) -> None:
    """List the cells to place in the workspace, once."""
    space, name = workspace_of(viewer), f"{made.tissue} cells"
    if space.named(name) is None:
        space.add(name, Role.QUERY, adata=made.cells)
