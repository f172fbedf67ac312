"""Opening tables from a widget: read off the window's thread, as slides or as cells to place."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.reader import table_layers, table_name
from napari_spatialrecon.viewer.worker import Run
from napari_spatialrecon.viewer.workspace import Entry, Role, workspace_of

if TYPE_CHECKING:
    from anndata import AnnData
    from qtpy.QtCore import QObject

#: What a file dialog offers.
FILTER = "Tables (*.h5ad);;All files (*)"


def open_table(
    viewer: Any,
    path: str | Path,
    role: Role,
    *,
    parent: QObject,
    opened: Callable[[Entry], None],
    failed: Callable[[Exception], None],
) -> None:
    """Open a file in the background, as a slide with its layers or as cells without place.

    Parameters
    ----------
    opened, failed
        Called in the window's thread: with the entry, or with what is wrong with the file.
    """
    path = Path(path)
    space = workspace_of(viewer)
    known = space.at(path, role)
    if known is not None:
        opened(space.add(known.name, role, path=path))
        return
    run = Run(partial(_read, path), f"Opening {path.name}", viewer=viewer, parent=parent)

    def show(adata: AnnData) -> None:
        try:
            opened(_show(viewer, adata, path, role))
        except Exception as error:
            failed(error)

    run.returned.connect(show)
    run.failed.connect(failed)
    run.finished.connect(run.deleteLater)
    run.start()


def _read(path: Path, progress: Any, should_stop: Any) -> AnnData:
    from napari_spatialrecon.tissue.read import read_adata

    return read_adata(path)


def _show(viewer: Any, adata: AnnData, path: Path, role: Role) -> Entry:
    from napari.layers import Layer

    from napari_spatialrecon.tissue import contract

    space = workspace_of(viewer)
    if role is Role.QUERY:
        return space.add(table_name(path), role, adata=adata, path=path)
    if contract.SPATIAL not in adata.obsm:
        raise InputError(
            "Expected a slide with coordinates, found cells without any.",
            remedy="Try it under Cells.",
            where=path.name,
        )
    for layer in table_layers(adata, table_name(path), folder=path.parent, path=path):
        viewer.add_layer(Layer.create(*layer))
    entry = space.at(path, role)
    assert entry is not None, "the layers of a slide are in the workspace"
    return entry
