"""Opening tables in the background: from a widget, a drop or File > Open."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from napari_spatialrecon.errors import ChoiceError, InputError
from napari_spatialrecon.tissue.formats.naming import table_name
from napari_spatialrecon.tissue.formats.options import NO_CHOICE, ReadOptions
from napari_spatialrecon.tissue.formats.recognise import is_geojson
from napari_spatialrecon.viewer.canvas.layers import unwrapped
from napari_spatialrecon.viewer.canvas.quiet_layers import MANY, inserting
from napari_spatialrecon.viewer.canvas.view import show_tissue
from napari_spatialrecon.viewer.window.main_window import canvas_of, has_window, main_window
from napari_spatialrecon.viewer.window.notify import notify_error, notify_info
from napari_spatialrecon.viewer.window.steps import Steps, at_once
from napari_spatialrecon.viewer.window.turns import in_turns
from napari_spatialrecon.viewer.window.worker import Run
from napari_spatialrecon.viewer.workspace.reading import Opened, Reading
from napari_spatialrecon.viewer.workspace.record_files import result_of
from napari_spatialrecon.viewer.workspace.regions import mark_in_background
from napari_spatialrecon.viewer.workspace.reopening import show_reopened
from napari_spatialrecon.viewer.workspace.workspace import Entry, Role, Workspace, workspace_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.viewer import Viewer
    from qtpy.QtCore import QObject

#: What a file dialog offers.
FILTER = (
    "Tables (*.h5ad *.h5 *.loom *.mtx *.mtx.gz *.csv *.csv.gz *.gef *.gem *.gem.gz *.parquet "
    "*.zip);;All files (*)"
)


BENCH = "workbench"
"""What shows a card with the notes of each table, by its name in `Workspace.kept`."""


class Source(NamedTuple):
    """What to open: a file or folder, which of its tables, and whether its record was dropped."""

    path: Path
    options: ReadOptions = NO_CHOICE
    by_record: bool = False


#: What each viewer was asked to open; the first is being read.
_asked: weakref.WeakKeyDictionary[Viewer, list[Source]] = weakref.WeakKeyDictionary()


def open_table(
    viewer: ViewerModel,
    path: str | Path,
    role: Role,
    *,
    parent: QObject,
    opened: Callable[[Entry], None],
    failed: Callable[[Exception], None],
    options: ReadOptions = NO_CHOICE,
) -> None:
    """Open a file in the background, as a slide with its layers or as cells to place.

    Where it holds several tables, the user is asked for some of them.

    Parameters
    ----------
    opened, failed
        Called in the window's thread: with the entry of each table, or with what is wrong with the
        file.
    """
    path = Path(path)
    space = workspace_of(viewer)
    known = space.at(path, role, options.given())
    if known is not None:
        opened(space.add(known.name, role, path=path, read=known.read))
        return

    def show(found: Opened) -> None:
        try:
            opened(_as_role(viewer, found, path, role))
        except Exception as error:
            failed(error)

    def open_chosen(choices: list[ReadOptions]) -> None:
        for chosen in choices:
            open_table(
                viewer, path, role, parent=parent, opened=opened, failed=failed, options=chosen
            )

    def refuse(error: Exception) -> None:
        if not _ask(viewer, error, Source(path, options), open_chosen):
            failed(error)

    work = Reading(viewer, path, layers=role is not Role.QUERY, options=options)
    run = _run_of(work, parent, show)
    run.failed.connect(refuse)
    run.start()


def open_in_turn(viewer: Viewer, sources: list[Path] | list[Source]) -> None:
    """Open files that a user dropped, one after another in the background.

    Once read, each adds its layers, or is listed as cells to place; regions drawn in QuPath mark
    the current slide; the record of a run stands for the result beside it. Where a file holds
    several tables, the user is asked for some of them.
    """
    viewer = unwrapped(viewer)
    asked = _asked.setdefault(viewer, [])
    idle = not asked
    asked.extend(_results_for_records(sources, asked))
    if idle:
        _open_next(viewer)


def _results_for_records(
    sources: Sequence[Path | Source], asked: Sequence[Source]
) -> Iterator[Source]:
    """Yield what to open beyond what is being opened: for a record its result.

    napari hands on dropped files one by one, so a result can come after its record.
    """
    named = [one if isinstance(one, Source) else Source(one) for one in sources]
    known = {source.path for source in (*named, *asked)}
    for source in named:
        try:
            path = result_of(source.path)
        except InputError as error:
            notify_error(error)
            continue
        by_record = path != source.path
        result = source._replace(path=path, by_record=by_record)
        waits = path in known if by_record else result._replace(by_record=True) in asked
        if not waits:
            yield result


def _open_next(viewer: Viewer) -> None:
    asked, space = _asked[viewer], workspace_of(viewer)
    while asked and is_open(space, asked[0].path, asked[0].options):
        asked.pop(0)
    if not asked:
        return
    source = asked[0]

    def next_one() -> None:
        asked.pop(0)
        _open_next(viewer)

    if is_geojson(source.path):
        mark_in_background(viewer, source.path, next_one)
        return

    def showing(found: Opened) -> Steps:
        try:
            if found.layers or found.result is not None:
                yield from _adding(viewer, found, source.path)
            else:
                list_cells(space, found, source.path)
        except Exception as error:
            notify_error(error)
        next_one()

    def show(found: Opened) -> None:
        if found.n_points > MANY:
            in_turns(showing(found), canvas_of(viewer), main_window(viewer))
        else:
            at_once(showing(found))

    def open_chosen(choices: list[ReadOptions]) -> None:
        open_in_turn(viewer, [Source(source.path, chosen) for chosen in choices])

    def refuse(error: Exception) -> None:
        if not _ask(viewer, error, source, open_chosen):
            notify_error(error)
        next_one()

    run = _run_of(Reading(viewer, source.path, options=source.options), main_window(viewer), show)
    run.failed.connect(refuse)
    run.stopped.connect(lambda _: next_one())
    run.start()


def _ask(
    viewer: Viewer | ViewerModel,
    error: Exception,
    source: Source,
    then: Callable[[list[ReadOptions]], None],
) -> bool:
    """Ask which of several tables to open, and return whether that is what `error` is about."""
    if not isinstance(error, ChoiceError) or error.asked is not None:
        return False
    from napari_spatialrecon.viewer.workspace.choice import ChoiceDialog

    option = error.option
    parent = main_window(viewer) if has_window(viewer) else None
    dialog = ChoiceDialog(error, source.path, parent)
    dialog.chosen.connect(
        lambda names: then([replace(source.options, **{option: name}) for name in names])
    )
    dialog.open()
    return True


def _run_of(work: Reading, parent: QObject, then: Callable[[Opened], None]) -> Run:
    """Return a run that reads a file and hands on what it finds; the caller starts it."""
    title = f"Opening {work.path.name}"
    run = Run(work, title, viewer=work.viewer, parent=parent, light=True)
    run.returned.connect(then)
    run.finished.connect(run.deleteLater)
    return run


def _as_role(viewer: ViewerModel, found: Opened, path: Path, role: Role) -> Entry:
    space = workspace_of(viewer)
    if role is Role.QUERY:
        _tell(space, table_name(path, found.chosen), found.notes)
        return _listed(space, found, path)
    if not found.layers and found.result is None:
        raise InputError(
            "Expected a slide with coordinates, found cells without coordinates.",
            remedy="Try it under Cells.",
            where=path.name,
        )
    at_once(_adding(viewer, found, path))
    entry = space.at(path, role, found.chosen) or space.at(path, None, found.chosen)
    assert entry is not None, "the layers of a slide are in the workspace"
    return entry


def _adding(viewer: ViewerModel, found: Opened, path: Path) -> Steps:
    layers = viewer.layers
    workspace_of(viewer).tiling.place(found.layers)
    for layer in found.layers:
        yield from inserting(layers, len(layers), layer, nullcontext())
    added = [layer for layer in found.layers if layer in layers]
    if added:
        layers.selection = {added[-1]}
        yield None
    show_tissue(viewer)
    yield None
    if found.result is None:
        _tell(workspace_of(viewer), found.layers[-1].name, found.notes)
    else:
        add_result(viewer, found, path)


def add_result(viewer: ViewerModel, found: Opened, path: Path) -> None:
    """Show a result whose H&E, if it has one, was added; say how good it is where no tab does.

    What is missing of its image stands on the card of the image.
    """
    from napari.layers import Image

    assert found.result is not None, "the file holds a result"
    image = next((layer for layer in found.layers if isinstance(layer, Image)), None)
    shown = show_reopened(viewer, found.result, path, image)
    show_tissue(viewer)
    if BENCH not in workspace_of(viewer).kept:
        notify_info(f"{shown.outcome.summary}\n({shown.name})")


def _tell(space: Workspace, name: str, notes: list[str]) -> None:
    """Say what reading excluded or chose, where no card does; a folded notice shows a line."""
    if notes and BENCH not in space.kept:
        notify_info("\n".join([*notes, f"({name})"]))


def is_open(space: Workspace, path: Path, options: ReadOptions = NO_CHOICE) -> bool:
    """Return whether a table is already open, and say so if it is."""
    known = space.at(path, read=options.given())
    if known is None:
        return False
    space.add(known.name, known.role, path=path, read=known.read)
    notify_info(f"{path.name} is already open, as {known.name}.")
    return True


def list_cells(space: Workspace, found: Opened, path: Path) -> None:
    """List cells without coordinates as cells to place; say so where no tab Data has their card."""
    entry = _listed(space, found, path)
    if BENCH not in space.kept:
        notify_info(f"{entry.name}: {found.adata.n_obs:,} cells to place")


def _listed(space: Workspace, found: Opened, path: Path) -> Entry:
    name = table_name(path, found.chosen)
    entry = space.add(name, Role.QUERY, adata=found.adata, path=path, read=found.chosen)
    entry.notes += [note for note in found.notes if note not in entry.notes]
    return entry
