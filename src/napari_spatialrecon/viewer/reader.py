"""File > Open and drag and drop: tables of cells or spots, with their histology.

What a user drops or opens is read off the window's thread; a script's `viewer.open` returns layers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.layers import (
    OURS,
    LayerData,
    cells_layer,
    histology_layer,
    looks_like_spots,
    spots_layer,
)

if TYPE_CHECKING:
    from anndata import AnnData
    from napari.components import ViewerModel

    from napari_spatialrecon.tissue.images import Histology
    from napari_spatialrecon.viewer.large_image import GrowingPyramid
    from napari_spatialrecon.viewer.workspace import Workspace

#: What napari takes for "read, and nothing to show".
NO_LAYERS: list[Any] = [(None,)]
#: What a drop, File > Open and napari's command line go through.
_ASKED_BY_HAND = "_qt_open"
#: Milliseconds until the pyramid of a large image is begun.
PYRAMID_AFTER = 2000


def get_reader(path: str | Sequence[str]) -> Callable[[Any], list[Any]] | None:
    """Return a reader for an `.h5ad` file or a Space Ranger folder, None for what is foreign."""
    from napari_spatialrecon.tissue.sniff import sniff

    paths = [path] if isinstance(path, str | Path) else list(path)
    return read if paths and all(sniff(p) is not None for p in paths) else None


def read(path: str | Sequence[str]) -> list[Any]:
    """Return the layers of each file, as napari asks for them.

    What has coordinates becomes layers; cells without place are listed in the workspace of the
    current viewer. What is open already is not opened again. Where a user asked (a drop, File >
    Open), nothing is returned: the layers come when they have been read.
    """
    from napari import current_viewer

    viewer = current_viewer()
    paths = [path] if isinstance(path, str | Path) else list(path)
    if viewer is not None:
        viewer.layers.events.inserted.connect(_colour_placed)
    if hasattr(viewer, "window"):
        from napari_spatialrecon.viewer.detail import keep_smooth

        keep_smooth(viewer)
        if _by_hand():
            from napari_spatialrecon.viewer.opening import open_in_turn

            open_in_turn(viewer, [Path(one) for one in paths])
            return NO_LAYERS
    layers = [layer for one in paths for layer in _read_one(Path(one), viewer)]
    return layers or NO_LAYERS


def table_layers(
    adata: AnnData,
    name: str,
    *,
    folder: Path | None = None,
    path: Path | None = None,
    viewer: Any = None,
) -> list[LayerData]:
    """Return the layers of a table with coordinates: its histology, if any, below its points.

    Parameters
    ----------
    folder
        Where images that the table names lie.
    path
        The file or folder it came from.
    viewer
        Will show them; None for the current one.
    """
    from napari_spatialrecon.tissue import contract
    from napari_spatialrecon.tissue.images import histology
    from napari_spatialrecon.viewer.notify import notify_error

    origin = {"path": str(path)} if path is not None else {}
    layers: list[LayerData] = []
    try:
        image = histology(adata, folder)
    except InputError as error:
        notify_error(error)
        image = None
    if image is not None:
        um = contract.um_per_unit(adata)
        details = {**origin, "notes": image.notes}
        layers.append(_image_layer(image, um, name, path, details, viewer))
    placed = contract.UNCERTAINTY in adata.obs
    if placed:
        layers.append(cells_layer(adata, name=f"{name} · placed", metadata=origin))
    elif looks_like_spots(adata):
        layers.append(spots_layer(adata, name=name, metadata=origin))
    else:
        details = {"role": "slide", **origin}
        layers.append(cells_layer(adata, name=f"{name} cells", metadata=details))
    return layers


def table_name(path: Path) -> str:
    """Return what a table is called: its file's name, or a Space Ranger run's folder.

    Examples
    --------
    >>> table_name(Path("data/C5.h5ad")), table_name(Path("run7/outs"))
    ('C5', 'run7')
    """
    if path.suffix == ".h5ad":
        return path.stem
    return path.parent.name if path.name == "outs" and path.parent.name else path.name


def _colour_placed(event: Any) -> None:
    """Colour placed cells that were opened from a file by their expected error, as after a run."""
    from napari_spatialrecon.viewer.colors import set_point_colors
    from napari_spatialrecon.viewer.point_values import UNCERTAINTY, values

    ours = event.value.metadata.get(OURS, {})
    if ours.get("role") == "result" and "path" in ours:
        found, kind, title = values(event.value.metadata["adata"], UNCERTAINTY)
        set_point_colors(event.value, found, kind=kind, title=title)


def _by_hand() -> bool:
    """Return whether napari opens a file for a user, not for a script that waits for layers."""
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_code.co_name == _ASKED_BY_HAND:
            return True
    return False


def _image_layer(
    image: Histology,
    um: float | None,
    name: str,
    path: Path | None,
    details: dict[str, Any],
    viewer: Any,
) -> LayerData:
    """Return a histology layer; of a large image without a pyramid, one that fills later."""
    from napari import current_viewer

    from napari_spatialrecon.viewer.large_image import GrowingPyramid, is_slow, open_large

    viewer = viewer if viewer is not None else current_viewer()
    if is_slow(image) and hasattr(viewer, "window"):
        from superqt.utils import ensure_main_thread

        opened = open_large(image, path)
        growing = isinstance(opened, GrowingPyramid)
        image = replace(image, levels=opened.levels if growing else opened)
        if growing:
            ensure_main_thread(_fill_in_background)(opened, name, viewer)
    return histology_layer(image, um, name=name, metadata=details)


def _fill_in_background(pyramid: GrowingPyramid, name: str, viewer: Any) -> None:
    from qtpy.QtCore import QTimer

    from napari_spatialrecon.viewer.notify import notify_error
    from napari_spatialrecon.viewer.worker import Run

    def fill(levels: list[Any]) -> None:
        pyramid.fill(levels)
        for layer in viewer.layers:
            shown = layer.data if getattr(layer, "multiscale", False) else ()
            if any(level is pyramid.levels[0] for level in shown):
                layer.refresh()

    run = Run(pyramid.build, f"{name} H&E", viewer=viewer, parent=viewer.window._qt_window)
    run.returned.connect(fill)
    run.failed.connect(notify_error)
    run.finished.connect(run.deleteLater)
    # Its worker takes the core that napari needs to show the preview.
    timer = QTimer(run)
    timer.setSingleShot(True)
    timer.timeout.connect(run.start)
    timer.start(PYRAMID_AFTER)


def _read_one(path: Path, viewer: ViewerModel | None) -> list[LayerData]:
    from napari_spatialrecon.tissue.read import read_adata
    from napari_spatialrecon.viewer.workspace import workspace_of

    space = workspace_of(viewer) if viewer is not None else None
    if space is not None and is_open(space, path):
        return []
    adata = read_adata(path)
    name = table_name(path)
    if "spatial" in adata.obsm:
        return table_layers(adata, name, folder=path.parent, path=path)
    if space is None:
        raise InputError(
            "Expected coordinates of cells or spots, found none.",
            remedy='Try it in a viewer, under "Cells" of Place cells.',
            where=str(path),
        )
    list_cells(space, adata, path)
    return []


def is_open(space: Workspace, path: Path) -> bool:
    """Return whether a file is open already, and say so."""
    from napari_spatialrecon.viewer.notify import notify_info

    known = space.at(path)
    if known is None:
        return False
    space.add(known.name, known.role, path=path)
    notify_info(f"{path.name} is open already, as {known.name}.")
    return True


def list_cells(space: Workspace, adata: AnnData, path: Path) -> None:
    """List cells without place as those that can be placed."""
    from napari_spatialrecon.viewer.notify import notify_info
    from napari_spatialrecon.viewer.workspace import Role

    name = table_name(path)
    space.add(name, Role.QUERY, adata=adata, path=path)
    notify_info(f"{name}: {adata.n_obs:,} cells without place. They can be placed on a slide.")
