"""Opening simulated tissue in a viewer: slides with H&E, and dissociated cells."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari_spatialrecon.viewer.workspace.table_layers import table_layers
from napari_spatialrecon.viewer.workspace.workspace import Role, workspace_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.viewer import Viewer

    from napari_spatialrecon.progress import ProgressCallback, ShouldStop
    from napari_spatialrecon.tissue.simulator.result import SimulatedTissue
    from napari_spatialrecon.viewer.canvas.layers import LayerData


def open_simulated(viewer: Viewer, tissue: str) -> None:
    """Simulate tissue in the background, then open it in this viewer."""
    from napari.layers import Layer

    from napari_spatialrecon.viewer.window.main_window import main_window
    from napari_spatialrecon.viewer.window.notify import notify_error
    from napari_spatialrecon.viewer.window.worker import Run

    def add(made: SimulatedTissue) -> None:
        for layer in simulated_layers(made):
            viewer.add_layer(Layer.create(*layer))
        viewer.reset_view()
        list_simulated_cells(viewer, made)

    work = partial(simulated, tissue)
    run = Run(work, f"Simulating {tissue}", viewer=viewer, parent=main_window(viewer))
    run.returned.connect(add)
    run.failed.connect(notify_error)
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
    """Return the layers of all slides; only the first slide is visible."""
    slides = [
        table_layers(slide, f"{made.tissue} {number}")
        for number, slide in enumerate(made.slides, 1)
    ]
    for layers in slides[1:]:
        for _, kwargs, _ in layers:
            kwargs["visible"] = False
    return [layer for layers in reversed(slides) for layer in layers]


def list_simulated_cells(viewer: ViewerModel, made: SimulatedTissue) -> None:
    """List the cells to place in the workspace, once."""
    space, name = workspace_of(viewer), f"{made.tissue} cells"
    if space.named(name) is None:
        space.add(name, Role.QUERY, adata=made.cells)
