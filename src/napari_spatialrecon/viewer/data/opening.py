"""Opening whatever a user drops on the tab Data: tables, images, sessions, regions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Layer

from napari_spatialrecon.tissue.formats.options import ReadOptions
from napari_spatialrecon.viewer.reader import get_reader
from napari_spatialrecon.viewer.session.keeper import keeper_of
from napari_spatialrecon.viewer.session.manifest import is_session
from napari_spatialrecon.viewer.workspace.opening import Source, open_in_turn
from napari_spatialrecon.viewer.workspace.picture_layer import is_picture, picture_layer
from napari_spatialrecon.viewer.workspace.record_files import result_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.viewer import Viewer


def open_paths(
    viewer: Viewer,
    paths: Sequence[str],
    options: ReadOptions,
    refuse: Callable[[Exception], object],
) -> None:
    """Open files and folders: ours in the background, one after another, others by napari.

    Parameters
    ----------
    refuse
        Called with why a file can be opened neither here nor by napari, and for a record alone.
    """
    tables = []
    for path in map(Path, paths):
        try:
            if is_session(path):
                keeper_of(viewer).open(path)
            elif is_picture(path):
                viewer.add_layer(Layer.create(*picture_layer(path)))
            elif get_reader(str(path)) is not None:
                result_of(path)  # a record alone is refused in the tab, not in a notice
                tables.append(Source(path, options))
            else:
                _open_by_napari(viewer, path)
        except Exception as error:
            refuse(error)
    if tables:
        open_in_turn(viewer, tables)


def _open_by_napari(viewer: Viewer, path: Path) -> None:
    from napari_spatialrecon.tissue.read import unknown

    try:
        viewer.open(str(path))
    except Exception as error:
        raise unknown(path) from error
