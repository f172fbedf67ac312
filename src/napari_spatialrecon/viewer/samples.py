"""File > Open Sample: simulated tissue with slides, H&E and dissociated cells."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_spatialrecon.progress import ProgressCallback, ShouldStop
    from napari_spatialrecon.tissue.simulator.result import SimulatedTissue
    from napari_spatialrecon.viewer.canvas.layers import LayerData


def cortex() -> list[Any]:
    """Return a simulated cortex: layered slides, and cells to place on them."""
    return _sample("cortex")


def tumour() -> list[Any]:
    """Return a simulated tumour: nests in stroma, and cells to place on them."""
    return _sample("tumour")


def _sample(tissue: str) -> list[Any]:
    """Simulate in the background where there is a window, and add the layers when they are made."""
    from napari import current_viewer

    from napari_spatialrecon.viewer.reader import NO_LAYERS
    from napari_spatialrecon.viewer.window.notify import notify_error

    viewer = current_viewer()
    if not hasattr(viewer, "window"):
        made = _simulate(tissue, None, None)
        _list_cells(viewer, made)
        return _layers(made)

    from napari.layers import Layer

    from napari_spatialrecon.viewer.window.worker import Run

    def add(made: SimulatedTissue) -> None:
        for layer in _layers(made):
            viewer.add_layer(Layer.create(*layer))
        viewer.reset_view()
        _list_cells(viewer, made)

    work = partial(_simulate, tissue)
    run = Run(work, f"Simulating {tissue}", viewer=viewer, parent=viewer.window._qt_window)
    run.returned.connect(add)
    run.failed.connect(notify_error)
    run.finished.connect(run.deleteLater)
    run.start()
    return NO_LAYERS


def _simulate(
    tissue: str, progress: ProgressCallback | None, should_stop: ShouldStop | None
) -> SimulatedTissue:
    from napari_spatialrecon.progress import Reporter
    from napari_spatialrecon.tissue.simulator.simulate import simulate

    return simulate(tissue, reporter=Reporter(progress, should_stop))


def _layers(made: SimulatedTissue) -> list[LayerData]:
    """Return slides with their histology; only the first slide is shown."""
    from napari_spatialrecon.viewer.workspace.table_layers import table_layers

    slides = [
        table_layers(slide, f"{made.tissue} {number}")
        for number, slide in enumerate(made.slides, 1)
    ]
    for layers in slides[1:]:
        for _, kwargs, _ in layers:
            kwargs["visible"] = False
    return [layer for layers in reversed(slides) for layer in layers]


def _list_cells(viewer: ViewerModel | None, made: SimulatedTissue) -> None:
    from napari_spatialrecon.viewer.workspace.workspace import Role, workspace_of

    name = f"{made.tissue} cells"
    if viewer is not None and workspace_of(viewer).named(name) is None:
        workspace_of(viewer).add(name, Role.QUERY, adata=made.cells)
