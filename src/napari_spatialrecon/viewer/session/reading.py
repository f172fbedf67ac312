"""Reading of a session from its folder, in a thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.hdf5_vetting import opened
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.canvas.colors import ColorEntry, ColorKey
from napari_spatialrecon.viewer.canvas.layers import NAMES
from napari_spatialrecon.viewer.canvas.table_metadata import set_table
from napari_spatialrecon.viewer.session.manifest import (
    MovedError,
    OutsideError,
    damaged,
    paths_in,
    read_manifest,
)
from napari_spatialrecon.viewer.session.packing import Unpacker
from napari_spatialrecon.viewer.session.seal import is_sealed
from napari_spatialrecon.viewer.session.table_files import read_table
from napari_spatialrecon.viewer.workspace.reopening import reopen
from napari_spatialrecon.viewer.workspace.validations import Found

if TYPE_CHECKING:
    from anndata import AnnData
    from napari.layers import Layer

    from napari_spatialrecon.methods.encoders.base import EncoderMethod
    from napari_spatialrecon.progress import ProgressCallback, ShouldStop


@dataclass(frozen=True, eq=False)
class LayerRead:
    """A layer that was read, yet to be added.

    Parameters
    ----------
    held
        What the session says of it.
    state
        As napari takes it.
    """

    layer: Layer
    held: Mapping[str, Any] = field(repr=False)
    state: Mapping[str, Any] = field(repr=False)
    key: ColorKey | None
    look: Mapping[str, Any] | None


@dataclass(frozen=True, eq=False)
class SessionRead:
    """A session that was read, yet to be shown.

    Parameters
    ----------
    layers
        By number; None for one that was not kept.
    outcomes
        Of each result what its task shows; None where nothing shows it.
    notes
        What has changed since, in words.
    """

    content: dict[str, Any]
    tables: list[AnnData]
    paths: list[Path | None]
    layers: list[LayerRead | None]
    outcomes: list[Any]
    models: list[tuple[str, Path | None, EncoderMethod]]
    notes: list[str]
    validations: list[Found] = field(default_factory=list)


def read_session(
    folder: str | Path,
    moved: Mapping[Path, Path] | None = None,
    progress: ProgressCallback = lambda _: None,
    should_stop: ShouldStop = lambda: False,
    *,
    trusted: bool = False,
) -> SessionRead:
    """Read a session.

    Parameters
    ----------
    moved
        Where files are now, by where they were; see `locate`.
    trusted
        Whether files may be opened that a session of another user names outside its folder.

    Raises
    ------
    InputError
        The folder is not a session, or one that is damaged or of a newer version.
    OutsideError
        This user did not save it, and it names files outside its folder; names all of them.
    MovedError
        Files that it refers to are not where they were; names all of them.
    Stopped
        `should_stop` returned True.
    """
    folder = Path(folder)
    content = read_manifest(folder)
    where = _Files(content, folder, moved or {})
    try:
        if not trusted:
            where.confine()
        where.check()
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise damaged(folder, f"it names no files where it should ({error})") from error
    reporter = Reporter(progress, should_stop)
    steps = len(content["tables"]) + len(content["layers"]) + len(content["results"])
    reporter.begin("Opening the session", total=max(1, steps))
    notes: list[str] = []
    tables: list[AnnData] = []
    for stated in content["tables"]:
        table, said = read_table(stated, folder, where.of(stated.get("path")), should_stop)
        tables.append(table)
        notes += said
        reporter.step(len(tables))
    done, layers, outcomes = len(tables), [], []
    validations: list[Found] = []
    try:
        with opened(folder / content["arrays"]) as file:
            unpacker = Unpacker(file)
            for held in content["layers"]:
                layers.append(None if held is None else _layer(held, tables, unpacker, where))
                done += 1
                reporter.step(done)
            for result in content["results"]:
                outcomes.append(_outcome(result, tables, unpacker, where))
                done += 1
                reporter.step(done)
            validations = [_validation(one, unpacker) for one in content.get("validations", ())]
    except (OSError, KeyError, ValueError, TypeError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        raise damaged(folder, str(error)) from error
    paths = [where.of(stated.get("path") or stated.get("of")) for stated in content["tables"]]
    models = [_model(held, folder, where) for held in content["models"] if len(held) > 1]
    return SessionRead(content, tables, paths, layers, outcomes, models, notes, validations)


def locate(missing: tuple[Path, ...], folder: Path, depth: int = 4) -> dict[Path, Path]:
    """Return where files are now that are somewhere below a folder, by where they were."""
    wanted = {path.name: path for path in missing}
    found: dict[Path, Path] = {}
    level = [Path(folder)]
    for _ in range(depth):
        below: list[Path] = []
        for parent in level:
            for child in sorted(parent.iterdir()) if parent.is_dir() else ():
                if child.name in wanted and wanted[child.name] not in found:
                    found[wanted[child.name]] = child
                elif child.is_dir() and not child.name.startswith("."):
                    below.append(child)
        level = below
    return found


class _Files:
    """Where the files of a session are now."""

    def __init__(
        self, content: Mapping[str, Any], folder: Path, moved: Mapping[Path, Path]
    ) -> None:
        self._moved, self._folder = moved, folder
        self.content = content

    def of(self, path: str | None) -> Path | None:
        """Return where a file is now; beside the session, if that was moved with its files."""
        if path is None:
            return None
        was = Path(path)
        if was in self._moved:
            return self._moved[was]
        beside = self._folder.parent / was.name
        return beside if not was.exists() and beside.exists() else was

    def confine(self) -> None:
        """Refuse a session of another user that opens what is neither in it nor beside it."""
        named = paths_in(self.content)
        if is_sealed(named, self.content.get("seal")):
            return
        home = self._folder.resolve()
        outside: dict[Path, None] = {}
        for path in map(Path, named):
            at = (self.of(str(path)) or path).resolve()
            is_near = at.parent == home.parent or at.is_relative_to(home)
            if not is_near and path not in self._moved:
                outside[path] = None
        if outside:
            raise OutsideError(list(outside), self._folder.name)

    def check(self) -> None:
        """Refuse a session whose files are not there, naming all of them."""
        content = self.content
        wanted = [table.get("path") for table in content["tables"]]
        for layer in content["layers"]:
            data = layer["data"] if layer is not None else {}
            wanted += [data.get("picture"), data.get("file")]
            if "histology" in data:
                wanted.append(content["tables"][data["histology"]].get("of"))
        wanted += [model.get("path") for model in content["models"]]
        missing = {
            Path(path): None
            for path in wanted
            if path is not None and not (self.of(path) or Path(path)).exists()
        }
        if missing:
            raise MovedError(list(missing), self._folder.name)


def _layer(
    held: Mapping[str, Any], tables: list[AnnData], unpacker: Unpacker, where: _Files
) -> LayerRead:
    from napari.layers import Layer

    state = {key: unpacker.unpack(value) for key, value in held["state"].items()}
    ours = {key: unpacker.unpack(value) for key, value in held["ours"].items()}
    if ours.get("path"):
        ours["path"] = str(where.of(ours["path"]))
    table = None if held["table"] is None else tables[held["table"]]
    data = _data(held, tables, unpacker, where)
    if held["kind"] == "image" and "colormap" in state:
        state["multiscale"] = isinstance(data, list)
    if "features" in held:
        features = unpacker.unpack(held["features"])
        rows = len(features)
        if table is not None and rows == table.n_obs and NAMES in features:
            known = table.obs.reset_index(drop=True)
            names = features.pop(NAMES)
            features = known.assign(**{c: features[c] for c in features})
            features.insert(0, NAMES, names)
        state["features"] = features
    layer = Layer.create(data, state, held["kind"])
    if held["is_ours"]:
        layer.metadata[OURS] = ours
    if table is not None:
        set_table(layer, table)
    key = None if held["key"] is None else _key(held["key"], unpacker)
    look = None if held["look"] is None else unpacker.unpack(held["look"])
    return LayerRead(layer, held, state, key, look)


def _data(held: Mapping[str, Any], tables: list[AnnData], unpacker: Unpacker, where: _Files) -> Any:
    source = held["data"]
    if "histology" in source:
        number = source["histology"]
        stated = where.content["tables"][number]
        path = where.of(stated.get("path") or stated.get("of"))
        return _histology(tables[number], path, held["state"]["name"])
    if "picture" in source:
        from napari_spatialrecon.tissue.formats.options import ReadOptions
        from napari_spatialrecon.tissue.read import read_with
        from napari_spatialrecon.viewer.workspace.picture_layer import is_picture, picture_layer

        path = where.of(source["picture"])
        assert path is not None, "a picture has a file"
        if is_picture(path):
            return picture_layer(path)[0]
        # The H&E of a slide whose spots were deleted: its table is read for the image alone.
        slide = read_with(path, ReadOptions.of(held["ours"].get("read") or {}))
        return _histology(slide, path, held["state"]["name"])
    if "file" in source:
        from napari.plugins.io import read_data_with_plugins

        path = where.of(source["file"])
        found, _ = read_data_with_plugins([str(path)], plugin=source["plugin"], stack=False)
        images = [layer[0] for layer in found or [] if len(layer) < 3 or layer[2] == "image"]
        if not images:
            raise InputError("Expected an image, found none.", where=str(path))
        return images[0]
    stored = unpacker.unpack(source["stored"])
    return stored


def _histology(adata: AnnData, path: Path | None, name: str) -> Any:
    from napari_spatialrecon.tissue.images import library_histology
    from napari_spatialrecon.tissue.slide_frame import SlideScale
    from napari_spatialrecon.viewer.workspace.table_layers import image_levels

    image = library_histology(SlideScale.read(adata), None if path is None else path.parent)
    if image is None:
        raise InputError("Expected the H&E of a slide, found none.", where=name)
    levels = image_levels(image, name.removesuffix(" H&E"), path)
    return levels if len(levels) > 1 else levels[0]


def _key(held: Mapping[str, Any], unpacker: Unpacker) -> ColorKey:
    entries = []
    for name, color, count, missing in unpacker.unpack(held["entries"]):
        r, g, b, a = color
        entries.append(ColorEntry(name, (r, g, b, a), int(count), bool(missing)))
    limits = unpacker.unpack(held["limits"])
    return ColorKey(
        held["kind"],
        held["title"],
        tuple(entries),
        np.asarray(unpacker.unpack(held["codes"]), np.int32),
        None if limits is None else (float(limits[0]), float(limits[1])),
        held["colormap"],
    )


def _outcome(
    held: Mapping[str, Any], tables: list[AnnData], unpacker: Unpacker, where: _Files
) -> Any:
    from napari_spatialrecon.tissue.images import histology

    record, number = unpacker.unpack(held["record"]), held["table"]
    adata = tables[number]
    stated = where.content["tables"][number]
    path = where.of(stated.get("path"))
    try:
        image = histology(adata, None if path is None else path.parent)
    except InputError:
        image = None
    found = reopen(adata, record, held["name"], image)
    return None if found is None else found.outcome


def _validation(held: Mapping[str, Any], unpacker: Unpacker) -> Found:
    from napari_spatialrecon.tasks.validation.result import Validation

    content, items = (unpacker.unpack(held[name]) for name in ("content", "items"))
    return Found.of(held["name"], Validation.from_described(content, items))


def _model(
    held: Mapping[str, Any], folder: Path, where: _Files
) -> tuple[str, Path | None, EncoderMethod]:
    from napari_spatialrecon.tasks.saved import read_fitted

    path = where.of(held.get("path"))
    home = folder / held["held"] if path is None else path
    if path is None and not home.resolve().is_relative_to(folder.resolve()):
        raise damaged(folder, f"its model lies outside, {held['held']!r}")
    return held["name"], path, read_fitted(home, "train-encoder").method
