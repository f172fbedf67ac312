"""Writing a result as a SpatialData zarr: a new one, or into one that is there."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zarr

from napari_spatialrecon import storage
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.tasks.spatialdata_parts import parts_of
from napari_spatialrecon.tissue import slots
from napari_spatialrecon.tissue.formats.recognise import is_spatialdata, zarr_attributes
from napari_spatialrecon.tissue.sdata.library import library
from napari_spatialrecon.tissue.sdata.source import origin_of, source_of

if TYPE_CHECKING:
    from anndata import AnnData

_KINDS = ("images", "labels", "points", "shapes", "tables")
#: Metadata of a zarr group, of format 3 and 2, and where that of all groups is gathered.
_MARKS, _GATHERED = ("zarr.json", ".zgroup", ".zattrs"), ".zmetadata"


def check_target(path: Path, record: Path, *, add: bool) -> None:
    """Refuse a zarr that cannot be written, before anything is computed.

    Parameters
    ----------
    record
        The record that lies beside a result of this program.
    add
        Whether the result is added to the object in `path`.

    Raises
    ------
    InputError
        spatialdata is not installed, there is nothing to add to, or another zarr would be replaced.
    """
    library()
    if add and not is_spatialdata(path):
        raise InputError(
            "Expected a SpatialData zarr to add the result to, found none.",
            remedy=f"Try without {argument('add')}, which writes a new one.",
            where=str(path),
        )
    if not add and path.exists() and not record.is_file():
        raise InputError(
            "Expected a new name, found one that this program did not write.",
            remedy=f"Try another name, or {argument('add', True)} to add the result to it.",
            where=str(path),
        )


def write_zarr(path: Path, adata: AnnData, name: str, *, add: bool = False) -> None:
    """Write a table as SpatialData, all of it or nothing.

    A table that was read from SpatialData is written with all that the object holds: a file is
    copied as it is. `add` adds the parts to the object in `path` itself.

    Parameters
    ----------
    name
        Of the table; its elements begin with it.

    Raises
    ------
    InputError
        The disk is full or the folder cannot be written.
    """
    spatialdata = library()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if add:
            _add(path, parts_of(adata, name, into=spatialdata.read_zarr(path)))
            return
        source = source_of(adata)
        origin = None if source is None else origin_of(source)
        parts = parts_of(adata, name, into=origin)
        with storage.atomic_folder(path) as temporary:
            if origin is not None and source is not None and "path" in source:
                shutil.copytree(str(source["path"]), temporary, dirs_exist_ok=True)
                _add(temporary, parts)
                return
            temporary.rmdir()
            held = {} if origin is None else {n: e for _, n, e in origin.gen_elements()}
            attrs = {} if origin is None else dict(origin.attrs)
            attrs[slots.OURS] = {"table": list(parts)[-1]}
            made = spatialdata.SpatialData.init_from_elements(held | parts, attrs=attrs)
            made.write(temporary, update_sdata_path=False)


def _add(store: Path, parts: Mapping[str, Any]) -> None:
    """Write elements beside a SpatialData zarr, then move them into it; its last is the table."""
    with storage.folder_beside(store) as folder:
        written = folder / "parts.zarr"
        made = library().SpatialData.init_from_elements(dict(parts))
        made.write(written, sdata_formats=_format_of(store), consolidate_metadata=False)
        moved: list[Path] = []
        try:
            for kind in _KINDS:
                _move(written / kind, store / kind, moved)
            is_gathered = _is_gathered(store)  # what is gathered goes when an attribute is set
            root = zarr.open_group(store, mode="r+", use_consolidated=False)
            root.attrs[slots.OURS] = {"table": list(parts)[-1]}
            if is_gathered:
                zarr.consolidate_metadata(str(store))
        except BaseException:
            for element in moved:
                shutil.rmtree(element, ignore_errors=True)
            raise


def _format_of(store: Path) -> Any:
    """Return the format of an object's container, so that all of it stays of one format."""
    from spatialdata._io.format import SpatialDataContainerFormats

    stated = zarr_attributes(store).get("spatialdata_attrs", {}).get("version", "0.1")
    return SpatialDataContainerFormats[stated]


def _move(source: Path, target: Path, moved: list[Path]) -> None:
    if not source.is_dir():
        return
    if not target.is_dir():
        target.mkdir()
        for mark in _MARKS:
            if (source / mark).is_file():
                shutil.copyfile(source / mark, target / mark)
    for element in sorted(source.iterdir()):
        if element.is_dir():
            element.rename(target / element.name)
            moved.append(target / element.name)


def _is_gathered(store: Path) -> bool:
    """Return whether the metadata of all groups is gathered at the root."""
    root = store / "zarr.json"
    gathered = root.is_file() and "consolidated_metadata" in json.loads(root.read_bytes())
    return gathered or (store / _GATHERED).is_file()
