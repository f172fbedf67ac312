"""Regions drawn in QuPath: a GeoJSON that is opened marks the spots of the current slide."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.canvas.colors import set_point_colors
from napari_spatialrecon.viewer.canvas.table_metadata import set_table
from napari_spatialrecon.viewer.window.main_window import main_window
from napari_spatialrecon.viewer.window.notify import notify_error, notify_info
from napari_spatialrecon.viewer.window.worker import Run
from napari_spatialrecon.viewer.workspace.tables import slide_of, slide_table
from napari_spatialrecon.viewer.workspace.workspace import Entry, Role, Workspace, workspace_of

if TYPE_CHECKING:
    import pandas as pd
    from napari.components import ViewerModel
    from napari.viewer import Viewer

    from napari_spatialrecon.progress import ProgressCallback, ShouldStop

    Marks = tuple[pd.Categorical, list[str]]


def mark_regions(viewer: ViewerModel, path: Path) -> None:
    """Add the regions of a file to the current slide as a column, and color its layer by them.

    The current slide is that of the selected layer, else the one that was opened last.

    Raises
    ------
    InputError
        No slide is open, or the file holds no regions on it.
    """
    read, show = _marking(viewer, path)
    show(read())


def mark_in_background(viewer: Viewer, path: Path, then: Callable[[], None]) -> None:
    """Do what `mark_regions` does in the background, show what is wrong, then call `then`."""
    try:
        read, show = _marking(viewer, path)
    except InputError as error:
        notify_error(error)
        then()
        return
    run = Run(read, f"Opening {path.name}", viewer=viewer, parent=main_window(viewer))
    run.returned.connect(show)
    run.failed.connect(notify_error)
    run.finished.connect(then)
    run.finished.connect(run.deleteLater)
    run.start()


def _marking(
    viewer: ViewerModel, path: Path
) -> tuple[Callable[..., Marks], Callable[[Marks], None]]:
    """Return what reads the regions, and what shows them on the current slide."""
    space = workspace_of(viewer)
    entry = current_slide(space)
    if entry is None:
        raise InputError(
            "Expected an open slide to mark with these regions, found none.",
            remedy="Try opening the slide first.",
            where=path.name,
        )
    return partial(_read, entry, path), partial(_show, space, entry, path)


def current_slide(space: Workspace) -> Entry | None:
    """Return the slide or result that the selected layer belongs to, else the last one opened."""
    viewer = space.viewer
    layer = viewer.layers.selection.active if viewer is not None else None
    entry = space.of_layer(layer) if layer is not None else None
    if entry is not None and entry.role is Role.HISTOLOGY:
        entry = slide_of(space, entry)
    if entry is not None and entry.points is not None:
        return entry
    shown = [e for e in space.of_role(Role.SLIDE, Role.RESULT) if e.points is not None]
    return shown[-1] if shown else None


def _read(
    entry: Entry,
    path: Path,
    progress: ProgressCallback | None = None,
    should_stop: ShouldStop | None = None,
) -> Marks:
    from napari_spatialrecon.tissue.alignments.qupath import region_labels

    return region_labels(slide_table(entry, entry.name).adata, path)


def _show(space: Workspace, entry: Entry, path: Path, marks: Marks) -> None:
    from napari_spatialrecon.tissue.alignments.qupath import free_column

    labels, colors = marks
    adata, layer = entry.table(), entry.points
    column = free_column(adata)
    adata.obs[column] = labels
    adata.uns[f"{column}_colors"] = colors
    if layer is not None:
        set_table(layer, adata)
        palette = dict(zip(labels.categories, colors, strict=True))
        set_point_colors(layer, labels, kind="category", title=column, palette=palette)
    entry.adata = adata
    space.events.changed.emit(entry)
    inside = int((labels.codes >= 0).sum())
    notify_info(
        f"{entry.name}: {inside:,} of {adata.n_obs:,} points lie in the {len(labels.categories)} "
        f"regions of {path.name}; see the column {column}."
    )
