"""Opening tables in the background: from a widget, a drop or File > Open."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.canvas.layers import unwrapped
from napari_spatialrecon.viewer.window.main_window import main_window
from napari_spatialrecon.viewer.window.notify import notify_error, notify_info
from napari_spatialrecon.viewer.window.worker import Run
from napari_spatialrecon.viewer.workspace.reading import Opened, Reading
from napari_spatialrecon.viewer.workspace.tables import table_name
from napari_spatialrecon.viewer.workspace.workspace import Entry, Role, Workspace, workspace_of

if TYPE_CHECKING:
    from anndata import AnnData
    from napari.components import ViewerModel
    from napari.layers import Layer
    from napari.viewer import Viewer
    from qtpy.QtCore import QObject

#: What a file dialog offers.
FILTER = "Tables (*.h5ad);;All files (*)"

#: Files that each viewer was asked to open; the first is being read.
_asked: weakref.WeakKeyDictionary[Viewer, list[Path]] = weakref.WeakKeyDictionary()


def open_table(
    viewer: ViewerModel,
    path: str | Path,
    role: Role,
    *,
    parent: QObject,
    opened: Callable[[Entry], None],
    failed: Callable[[Exception], None],
) -> None:
    """Open a file in the background, as a slide with its layers or as cells to place.

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

    def show(found: Opened) -> None:
        try:
            opened(_as_role(viewer, found, path, role))
        except Exception as error:
            failed(error)

    run = _run_of(Reading(viewer, path, layers=role is not Role.QUERY), parent, show)
    run.failed.connect(failed)
    run.start()


def open_in_turn(viewer: Viewer, paths: list[Path]) -> None:
    """Open files that a user dropped, one after another in the background.

    Once read, each adds its layers, or is listed as cells to place.
    """
    viewer = unwrapped(viewer)
    asked = _asked.setdefault(viewer, [])
    idle = not asked
    asked.extend(paths)
    if idle:
        _open_next(viewer)


def _open_next(viewer: Viewer) -> None:
    asked, space = _asked[viewer], workspace_of(viewer)
    while asked and is_open(space, asked[0]):
        asked.pop(0)
    if not asked:
        return

    def show(found: Opened) -> None:
        try:
            if found.layers:
                _add(viewer, found.layers)
            else:
                list_cells(space, found.adata, asked[0])
        except Exception as error:
            notify_error(error)

    def next_one() -> None:
        asked.pop(0)
        _open_next(viewer)

    run = _run_of(Reading(viewer, asked[0]), main_window(viewer), show)
    run.failed.connect(notify_error)
    run.finished.connect(next_one)
    run.start()


def _run_of(work: Reading, parent: QObject, then: Callable[[Opened], None]) -> Run:
    """Return a run that reads a file and hands on what it finds; the caller starts it."""
    run = Run(work, f"Opening {work.path.name}", viewer=work.viewer, parent=parent)
    run.returned.connect(then)
    run.finished.connect(run.deleteLater)
    return run


def _as_role(viewer: ViewerModel, found: Opened, path: Path, role: Role) -> Entry:
    space = workspace_of(viewer)
    if role is Role.QUERY:
        return space.add(table_name(path), role, adata=found.adata, path=path)
    if not found.layers:
        raise InputError(
            "Expected a slide with coordinates, found cells without coordinates.",
            remedy="Try it under Cells.",
            where=path.name,
        )
    _add(viewer, found.layers)
    entry = space.at(path, role)
    assert entry is not None, "the layers of a slide are in the workspace"
    return entry


def _add(viewer: ViewerModel, layers: list[Layer]) -> None:
    for layer in layers:
        viewer.add_layer(layer)


def is_open(space: Workspace, path: Path) -> bool:
    """Return whether a file is already open, and say so if it is."""
    known = space.at(path)
    if known is None:
        return False
    space.add(known.name, known.role, path=path)
    notify_info(f"{path.name} is already open, as {known.name}.")
    return True


def list_cells(space: Workspace, adata: AnnData, path: Path) -> None:
    """List cells without coordinates as cells to place."""
    name = table_name(path)
    space.add(name, Role.QUERY, adata=adata, path=path)
    notify_info(
        f"{name}: {adata.n_obs:,} cells without coordinates, which can be placed on a slide."
    )
