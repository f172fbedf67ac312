"""Showing a session that was read, as it was."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.canvas.coloring import restoring_look
from napari_spatialrecon.viewer.canvas.colors import resume_colors
from napari_spatialrecon.viewer.canvas.quiet_layers import inserting
from napari_spatialrecon.viewer.session.landmark_docks import open_landmark_docks
from napari_spatialrecon.viewer.window.steps import Steps, at_once
from napari_spatialrecon.viewer.workspace.reopening import room_of
from napari_spatialrecon.viewer.workspace.results import Result
from napari_spatialrecon.viewer.workspace.workspace import Role, workspace_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_spatialrecon.viewer.session.reading import LayerRead, SessionRead

_AFTER = ("scale", "translate", "rotate", "shear", "affine", "visible", "opacity")
"""What a layer gets again once it was added: slides are laid side by side as they are added."""


def show_session(viewer: ViewerModel, read: SessionRead) -> list[str]:
    """Show a session in a viewer, over what is open; return what has changed since.

    In an empty viewer the camera, the tabs and the docks of landmarks return as well.
    """
    notes: list[str] = at_once(showing_session(viewer, read))
    return notes


def showing_session(viewer: ViewerModel, read: SessionRead) -> Steps:
    """Do what `show_session` does, and return the same, in steps."""
    from napari.layers import Points

    space, content = workspace_of(viewer), read.content
    empty = not len(viewer.layers)
    for held in content["cells"]:
        number = held["table"]
        stated = content["tables"][number]
        space.add(
            held["name"],
            Role(held["role"]),
            adata=read.tables[number],
            path=read.paths[number],
            read=stated.get("read"),
        )
    for name, path, model in read.models:
        space.add(name, Role.MODEL, path=path, model=model)
    added: Layer | None = None
    for one in read.layers:
        if one is not None:
            if isinstance(one.layer, Points) and one.key is not None:
                resume_colors(one.layer, one.key, one.state["face_color"])
            yield None
            yield from inserting(viewer.layers, len(viewer.layers), one.layer, nullcontext())
            added = one.layer
    if added is not None and added in viewer.layers and not empty:  # else what was selected will be
        viewer.layers.selection = {added}
        yield None
    for one in read.layers:
        if one is not None:
            yield from _settling(viewer, one)
            yield None
    for number, role, name in content["roles"]:
        one = read.layers[number]
        entry = None if one is None else space.of_layer(one.layer)
        if entry is not None:
            entry.name = name if space.named(name) is None else entry.name
            space.set_role(entry, Role(role))
    yield from _listing_results(viewer, read)
    for found in read.validations:
        space.validations.add(found)
    yield None
    shown: set[tuple[str, Layer]] = set()
    if empty:
        shown = yield from _looking_as_before(viewer, read)
    return [*read.notes, *_set_landmarks(read, shown)]


def _set_landmarks(read: SessionRead, shown: Collection[tuple[str, Layer]]) -> list[str]:
    """Return which layers have landmarks that were set and are shown once asked for.

    Parameters
    ----------
    shown
        Title of an open dock, and the layer of which it shows them.
    """
    notes = []
    for one in read.layers:
        ours = {} if one is None else one.layer.metadata.get(OURS, {})
        for key, widget in (("landmarks", "Landmarks"), ("pairs", "Align to histology")):
            count = len(ours.get(key, {}).get("marks", ours.get(key, {}).get("pairs", ())))
            if one is not None and count and (widget, one.layer) not in shown:
                words = "landmark" if count == 1 else "landmarks"
                notes.append(f"{one.layer.name}: {count} {words} are set; {widget} shows them.")
    return notes


def points_in(read: SessionRead) -> int:
    """Return the number of points in all layers of a session."""
    from napari.layers import Points

    layers = [one.layer for one in read.layers if one is not None]
    return sum(len(layer.data) for layer in layers if isinstance(layer, Points))


def close_all(viewer: ViewerModel) -> None:
    """Close all layers, tables, models, results and validations of a viewer."""
    space = workspace_of(viewer)
    for result in space.results:
        space.results.remove(result)
    for found in space.validations:
        space.validations.remove(found)
    viewer.layers.clear()
    for entry in list(space):
        space.remove(entry)


def _settling(viewer: ViewerModel, one: LayerRead) -> Steps:
    """Give a layer that was added what adding it may have changed, and what no state holds."""
    from napari.layers import Image, Points

    layer, state = one.layer, one.state
    for name in _AFTER:
        if name in state and not np.array_equal(getattr(layer, name), state[name]):
            setattr(layer, name, state[name])  # napari slices it anew, whatever it is set to
    if one.held["is_ours"] and "tile" in one.held["ours"]:
        layer.metadata[OURS] = {**layer.metadata[OURS], "tile": one.held["ours"]["tile"]}
    if isinstance(layer, Image):
        layer.colorbar.visible = bool(one.held["colorbar"])
    if not isinstance(layer, Points):
        return
    if one.look is not None:
        yield None
        yield from restoring_look(viewer, layer, one.look)
    for name in ("face_color", "border_color", "border_width", "size"):
        value = np.asarray(state[name])
        if name == "face_color" and one.key is not None:
            if one.look is None or one.look.get("color") is None:
                resume_colors(layer, one.key, value)
        elif len(value) == len(layer.data) and not np.array_equal(getattr(layer, name), value):
            yield None
            setattr(layer, name, value)
    if len(layer.data):
        with layer.block_update_properties():
            layer.current_size = float(np.median(layer.size))


def _listing_results(viewer: ViewerModel, read: SessionRead) -> Steps:
    space = workspace_of(viewer)
    for held, outcome in zip(read.content["results"], read.outcomes, strict=True):
        one = None if held["layer"] is None else read.layers[held["layer"]]
        layer, room = None if one is None else one.layer, room_of(held["task"])
        drawn = None
        if room is not None and layer is not None and outcome is not None:
            drawn = room.attach(viewer, outcome, held["name"], layer)
        path = held["path"]
        space.results.add(
            Result(
                held["name"],
                held["task"],
                read.tables[held["table"]],
                {} if outcome is None else outcome.record,
                layer=layer,
                path=None if path is None else read.paths[held["table"]] or Path(path),
                outcome=outcome,
                drawn=drawn,
            )
        )
        yield None


def _looking_as_before(viewer: ViewerModel, read: SessionRead) -> Steps:
    """Return, in the end, what `open_landmark_docks` does."""
    from napari.layers import Points

    space, view = workspace_of(viewer), read.content["view"]
    viewer.dims.ndisplay = 3 if view["ndisplay"] == 3 else 2
    camera = viewer.scene.camera
    camera.center, camera.angles = tuple(view["center"]), tuple(view["angles"])
    camera.zoom = float(view["zoom"])
    viewer.canvas.overlays.scale_bar.visible = bool(view["scale_bar"])
    active = None if view["active"] is None else read.layers[view["active"]]
    viewer.layers.selection = set() if active is None else {active.layer}
    source = None if view.get("selected_in") is None else read.layers[view["selected_in"]]
    chosen = None if source is None else source.layer
    layer = chosen if isinstance(chosen, Points) else None
    yield from space.selection.setting(view["selection"], layer)
    yield None
    for name, state in read.content["kept"].items():
        part = space.kept.get(name)
        if part is not None and isinstance(state, Mapping):
            part.restore(state)
            yield None
    layers = [None if one is None else one.layer for one in read.layers]
    return open_landmark_docks(viewer, view.get("docks", ()), layers)
