"""The layers of a table: its histology below its points; large images load in the background."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.canvas.layers import (
    LayerData,
    cells_layer,
    histology_layer,
    spots_layer,
)
from napari_spatialrecon.viewer.workspace.tiling import SLIDE

if TYPE_CHECKING:
    from anndata import AnnData
    from napari.components import ViewerModel
    from napari.viewer import Viewer

    from napari_spatialrecon.tissue.images import Histology
    from napari_spatialrecon.viewer.workspace.large_image import GrowingPyramid

#: Milliseconds before the pyramid of a large image is built.
PYRAMID_AFTER = 2000


def table_layers(
    adata: AnnData,
    name: str,
    *,
    folder: Path | None = None,
    path: Path | None = None,
    viewer: ViewerModel | None = None,
) -> list[LayerData]:
    """Return the layers of a table with coordinates: its histology, if any, below its points.

    Parameters
    ----------
    folder
        Folder of the images that the table names.
    path
        The file or folder it came from.
    viewer
        Viewer that will show them; None for the current one.
    """
    from napari_spatialrecon.tissue import contract, slots
    from napari_spatialrecon.tissue.images import library_histology
    from napari_spatialrecon.tissue.slide_frame import SlideFrame
    from napari_spatialrecon.viewer.window.notify import notify_error
    from napari_spatialrecon.viewer.workspace.tables import chosen_options

    origin: dict[str, Any] = {SLIDE: name}
    if path is not None:
        origin |= {"path": str(path), "read": chosen_options(adata)}
    frame = SlideFrame.read(adata)
    said = map(str, contract.section(adata.uns, slots.OURS).get(slots.NOTES, ()))
    notes = tuple(dict.fromkeys([*said, *frame.micrometres.notes]))
    layers: list[LayerData] = []
    try:
        image = library_histology(frame, folder)
    except InputError as error:
        notify_error(error)
        image = None
    if image is not None:
        details: dict[str, Any] = {**origin, "notes": image.notes}
        layers.append(_image_layer(image, frame.um_per_unit, name, path, details, viewer))
    origin["notes"] = notes
    placed = slots.UNCERTAINTY in adata.obs or slots.LAYOUT in adata.obsm
    if placed:
        layers.append(cells_layer(adata, name=f"{name} · placed", frame=frame, metadata=origin))
    elif frame.is_array:
        layers.append(spots_layer(adata, name=name, frame=frame, metadata=origin))
    else:
        details = {"role": "slide", **origin}
        layers.append(cells_layer(adata, name=f"{name} cells", frame=frame, metadata=details))
    return layers


def _image_layer(
    image: Histology,
    um: float | None,
    name: str,
    path: Path | None,
    details: dict[str, Any],
    viewer: ViewerModel | None,
) -> LayerData:
    """Return a histology layer; for a large image without a pyramid, one that fills in later."""
    levels = image_levels(image, name, path, viewer)
    return histology_layer(replace(image, levels=levels), um, name=name, metadata=details)


def image_levels(
    image: Histology, name: str, path: Path | None, viewer: ViewerModel | None = None
) -> list[Any]:
    """Return the levels that are shown: of a large image without a pyramid, that fill in later.

    Parameters
    ----------
    name
        Of the slide.
    path
        The file that names the image.
    viewer
        Viewer that will show them; None for the current one.
    """
    from napari import current_viewer

    from napari_spatialrecon.viewer.window.main_window import has_window
    from napari_spatialrecon.viewer.workspace.large_image import GrowingPyramid, is_slow, open_large

    viewer = viewer if viewer is not None else current_viewer()
    if not is_slow(image) or not has_window(viewer):
        return list(image.levels)
    from superqt.utils import ensure_main_thread

    opened = open_large(image, path)
    if not isinstance(opened, GrowingPyramid):
        return opened
    ensure_main_thread(_fill_in_background)(opened, name, viewer)
    return list(opened.levels)


def _fill_in_background(pyramid: GrowingPyramid, name: str, viewer: Viewer) -> None:
    from qtpy.QtCore import QTimer

    from napari_spatialrecon.viewer.window.main_window import main_window
    from napari_spatialrecon.viewer.window.notify import notify_error
    from napari_spatialrecon.viewer.window.worker import Run

    def fill(levels: list[Any]) -> None:
        pyramid.fill(levels)
        for layer in viewer.layers:
            shown = layer.data if getattr(layer, "multiscale", False) else ()
            if any(level is pyramid.levels[0] for level in shown):
                layer.refresh()

    run = Run(pyramid.build, f"{name} H&E", viewer=viewer, parent=main_window(viewer))
    run.returned.connect(fill)
    run.failed.connect(notify_error)
    run.finished.connect(run.deleteLater)
    # Its worker takes the core that napari needs to show the preview.
    timer = QTimer(run)
    timer.setSingleShot(True)
    timer.timeout.connect(run.start)
    timer.start(PYRAMID_AFTER)
