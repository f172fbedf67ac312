"""File > Open and drag and drop: tables of cells or spots, with their histology.

Files that a user drops or opens are read in the background; `viewer.open` returns layers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.formats.naming import table_name
from napari_spatialrecon.tissue.slots import SPATIAL
from napari_spatialrecon.viewer.canvas.layers import LayerData
from napari_spatialrecon.viewer.session.manifest import is_session
from napari_spatialrecon.viewer.window.main_window import has_window
from napari_spatialrecon.viewer.workspace.picture_layer import is_picture, picture_layer
from napari_spatialrecon.viewer.workspace.record_files import is_record, result_of
from napari_spatialrecon.viewer.workspace.table_layers import table_layers
from napari_spatialrecon.viewer.workspace.tables import chosen_options

if TYPE_CHECKING:
    from napari.components import ViewerModel

Read: TypeAlias = list[LayerData] | list[tuple[None]]
#: What napari takes for "read, but nothing to show".
NO_LAYERS: list[tuple[None]] = [(None,)]
#: The function that a drop, File > Open and napari's command line go through.
_ASKED_BY_HAND = "_qt_open"


def get_reader(path: str | Sequence[str]) -> Callable[[str | Sequence[str]], Read] | None:
    """Return a reader for formats of `tissue.formats`, GeoJSON and images of scanners, or None."""
    from napari_spatialrecon.tissue.formats.recognise import is_geojson
    from napari_spatialrecon.tissue.formats.registry import find_format

    paths = [Path(one) for one in ([path] if isinstance(path, str | Path) else path)]
    ours = (is_record, is_geojson, is_picture, is_session, find_format)
    return read if paths and all(any(known(p) for known in ours) for p in paths) else None


def read(path: str | Sequence[str]) -> Read:
    """Return the layers of each file, as napari asks for them.

    Tables with coordinates become layers; the result of a run and a session are added to the
    current viewer as they were shown, and are not returned; cells without coordinates are listed in
    its workspace. The record of a run stands for the result beside it. Files that are already open
    are not opened again. Regions drawn in QuPath
    (GeoJSON) become a column of the current slide. For a user (a drop, File > Open) no tables are
    returned: their layers are added once they have been read.
    """
    from napari import current_viewer

    viewer = current_viewer()
    paths = [Path(one) for one in ([path] if isinstance(path, str | Path) else path)]
    sessions = [one for one in paths if is_session(one)]
    pictures = [picture_layer(one) for one in paths if one not in sessions and is_picture(one)]
    paths = [one for one in paths if one not in sessions and not is_picture(one)]
    if viewer is not None:
        from napari_spatialrecon.viewer.workspace.workspace import workspace_of

        workspace_of(viewer)
    if has_window(viewer):
        from napari_spatialrecon.viewer.canvas.detail import keep_smooth

        keep_smooth(viewer)
        if _by_hand():
            for one in sessions:
                from napari_spatialrecon.viewer.session.keeper import keeper_of

                keeper_of(viewer).open(one)
            from napari_spatialrecon.viewer.workspace.opening import open_in_turn

            if paths:
                open_in_turn(viewer, paths)
            return pictures or NO_LAYERS
    for one in sessions:
        _show_session(one, viewer)
    layers = [*pictures, *(layer for one in paths for layer in _read_one(one, viewer))]
    return layers or NO_LAYERS


def _show_session(folder: Path, viewer: ViewerModel | None) -> None:
    from napari_spatialrecon.viewer.session.reading import read_session
    from napari_spatialrecon.viewer.session.showing import show_session
    from napari_spatialrecon.viewer.window.notify import notify_info

    if viewer is None:
        raise InputError(
            "Expected a viewer to show a session in, found none.",
            remedy="Try opening it in napari.",
            where=folder.name,
        )
    notes = show_session(viewer, read_session(folder))
    if notes:
        notify_info("\n".join(notes))


def _by_hand() -> bool:
    """Return whether napari opens a file for a user, not for a script that waits for layers."""
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_code.co_name == _ASKED_BY_HAND:
            return True
    return False


def _read_one(path: Path, viewer: ViewerModel | None) -> list[LayerData]:
    from napari_spatialrecon.tissue.formats.recognise import is_geojson
    from napari_spatialrecon.tissue.read import read_adata
    from napari_spatialrecon.viewer.workspace.opening import add_result, is_open, list_cells
    from napari_spatialrecon.viewer.workspace.reading import Opened, result_in
    from napari_spatialrecon.viewer.workspace.workspace import workspace_of

    space = workspace_of(viewer) if viewer is not None else None
    if viewer is not None and is_geojson(path):
        from napari_spatialrecon.viewer.workspace.regions import mark_regions

        mark_regions(viewer, path)
        return []
    path = result_of(path)
    if space is not None and is_open(space, path):
        return []
    adata = read_adata(path)
    name = table_name(path, chosen_options(adata))
    if SPATIAL in adata.obsm:
        layers = table_layers(adata, name, folder=path.parent, path=path)
        found = None if viewer is None else result_in(path, adata, name)
        if viewer is None or found is None:
            return layers
        image = [viewer._add_layer_from_data(*layer)[0] for layer in layers[:-1]]
        add_result(viewer, Opened(adata, image, found), path)
        return []
    if space is None:
        raise InputError(
            "Expected coordinates of cells or spots, found none.",
            remedy='Try it in a viewer, under "Cells" of Place cells.',
            where=str(path),
        )
    list_cells(space, Opened(adata, []), path)
    return []
