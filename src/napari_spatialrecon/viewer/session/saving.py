"""Writing of a session: a folder of tables, arrays and JSON, all of it or nothing."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatialrecon.errors import Stopped
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.provenance import versions
from napari_spatialrecon.storage import atomic_folder, check_replaceable, dump_json
from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.session.manifest import FORMAT, MARK, SUFFIX, paths_in
from napari_spatialrecon.viewer.session.packing import Packer, UnpackableError
from napari_spatialrecon.viewer.session.seal import seal_of
from napari_spatialrecon.viewer.session.table_files import write_table

if TYPE_CHECKING:
    from napari_spatialrecon.progress import ProgressCallback, ShouldStop
    from napari_spatialrecon.viewer.canvas.colors import ColorKey
    from napari_spatialrecon.viewer.session.snapshot import LayerTaken, ModelTaken, Snapshot
    from napari_spatialrecon.viewer.workspace.validations import Found

ARRAYS = "arrays.h5"
_NOT_STATE = {
    "metadata",
    "properties",
    "property_choices",
    "feature_defaults",
    "features",
    "experimental_clipping_planes",
}
"""Of what napari says of a layer: what is kept otherwise, or follows from the rest."""


def write_session(
    taken: Snapshot,
    folder: str | Path,
    progress: ProgressCallback = lambda _: None,
    should_stop: ShouldStop = lambda: False,
) -> list[str]:
    """Write what is open as the folder of a session, in place of an earlier one.

    Returns
    -------
    What was not kept, in words.

    Raises
    ------
    InputError
        The folder holds something else, the disk is full or it cannot be written: an earlier
        session in it stays as it was.
    Stopped
        `should_stop` returned True.
    """
    folder = session_path(folder)
    check_replaceable(folder, MARK, f"Try {folder.with_name(f'session{SUFFIX}')}.")
    reporter = Reporter(progress, should_stop)
    packer, notes = Packer(), []
    with atomic_folder(folder) as temporary:
        reporter.begin("Saving the session", total=len(taken.tables) + len(taken.layers) + 1)
        tables = []
        for number, table in enumerate(taken.tables):
            tables.append(write_table(table, temporary, f"table {number}", should_stop))
            reporter.step(len(tables))
        layers: list[dict[str, Any] | None] = []
        for layer in taken.layers:
            try:
                layers.append(_layer(layer, taken, packer))
            except UnpackableError as error:
                name = layer.state.get("name", layer.kind)
                notes.append(f"{name} was not kept: {layer.kind} with {error}.")
                layers.append(None)
            if should_stop():
                raise Stopped()
        validations = [_validation(found, packer) for found in taken.validations]
        packer.write(temporary / ARRAYS, should_stop)
        content = {
            "format": FORMAT,
            "program": versions().get("napari-spatialrecon", ""),
            "saved": datetime.now().astimezone().isoformat(timespec="seconds"),
            "arrays": ARRAYS,
            "tables": tables,
            "layers": layers,
            "cells": taken.cells,
            "results": [packer.pack(result) for result in taken.results],
            "validations": validations,
            "models": [_model(m, temporary, i) for i, m in enumerate(taken.models)],
            "roles": [[number, role, name] for number, (role, name) in taken.roles.items()],
            "view": {**taken.view, "selection": taken.selected()},
            "kept": Packer().pack_fitting(taken.kept),
        }
        content["seal"] = seal_of(paths_in(content))
        dump_json(temporary / MARK, content)
        reporter.step(len(taken.tables) + len(taken.layers) + 1)
    return notes


def session_path(folder: str | Path) -> Path:
    """Return the path of a session: its name ends in ``.spatialrecon``."""
    path = Path(folder)
    return path if path.suffix == SUFFIX else path.with_name(f"{path.name}{SUFFIX}")


def _layer(layer: LayerTaken, taken: Snapshot, packer: Packer) -> dict[str, Any]:
    state = {key: value for key, value in layer.state.items() if key not in _NOT_STATE}
    found: dict[str, Any] = {
        "kind": layer.kind,
        "state": packer.pack_fitting(state),
        "ours": packer.pack_fitting(layer.ours),
        "is_ours": OURS in layer.state.get("metadata", {}),
        "table": layer.table,
        "colorbar": layer.colorbar,
        "look": None if layer.look is None else packer.pack(layer.look),
        "key": None if layer.key is None else _key(layer.key, packer),
        "data": _data(layer, taken, packer),
    }
    if (features := layer.state.get("features")) is not None:
        if layer.table is not None:
            known = taken.tables[layer.table].adata.obs
            features = features[[c for c in features if c not in known]]
        found["features"] = packer.pack(features)
    return found


def _validation(found: Found, packer: Packer) -> dict[str, Any]:
    validation = found.validation
    return {
        "name": found.name,
        "content": packer.pack(validation.described()),
        "items": packer.pack(validation.items),
    }


def _data(layer: LayerTaken, taken: Snapshot, packer: Packer) -> dict[str, Any]:
    """Return where the data of a layer come from: images from their files, if they have one."""
    path, read = layer.ours.get("path"), layer.ours.get("read")
    if layer.kind == "image" and path and layer.ours.get("role") == "histology":
        at = (Path(path).resolve(), tuple((read or {}).items()))
        for number, table in enumerate(taken.tables):
            if table.path is not None and (table.path.resolve(), table.read) == at:
                return {"histology": number}
        return {"picture": str(path)}
    if layer.kind == "image" and layer.source is not None:
        return {"file": layer.source[0], "plugin": layer.source[1]}
    return {"stored": _stored(layer.data, layer.kind, packer)}


def _stored(data: Any, kind: str, packer: Packer) -> Any:
    import numpy as np

    many = isinstance(data, list | tuple) or type(data).__name__ == "MultiScaleData"
    if many:
        return [_stored(part, kind, packer) for part in data]
    if kind in ("image", "labels"):
        return packer.store(np.asarray(data) if not hasattr(data, "nbytes") else data)
    return packer.pack(np.asarray(data))


def _key(key: ColorKey, packer: Packer) -> dict[str, Any]:
    entries = [[e.name, list(e.color), e.count, e.missing] for e in key.entries]
    limits = None if key.limits is None else list(key.limits)
    return {
        "kind": key.kind,
        "title": key.title,
        "entries": packer.pack(entries),
        "codes": packer.pack(key.codes),
        "limits": packer.pack(limits),
        "colormap": key.colormap,
    }


def _model(model: ModelTaken, folder: Path, number: int) -> dict[str, Any]:
    if model.path is not None:
        return {"name": model.name, "path": str(model.path)}
    if model.model is None:
        return {"name": model.name}
    held = folder / f"model {number}"
    try:
        model.model.save(held)
    except BaseException:
        shutil.rmtree(held, ignore_errors=True)
        raise
    return {"name": model.name, "held": held.name}
