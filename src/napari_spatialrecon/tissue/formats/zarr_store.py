"""Zarr stores, folders or zip files, looked into before a table is read from them."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from napari_spatialrecon.errors import InputError

_METADATA = ("zarr.json", ".zarray", ".zmetadata")
#: Groups of a table whose arrays have no rows of zeros only: counts and coordinates.
_FILLED = ("X", "layers", "obsm", "raw")


def refuse_pickles(path: Path) -> None:
    """Refuse a store of format 2 or 3 whose arrays hold pickled objects, before any is read.

    Pickles can run any code when they are opened.

    Raises
    ------
    InputError
        Names the arrays.
    """
    found = sorted({name for name, content in _metadata(path) if _has_pickles(content)})
    if found:
        shown = ", ".join(found[:5]) + (", ..." if len(found) > 5 else "")
        raise InputError(
            f"Expected arrays of numbers and text, found pickled objects in {shown}, which can run "
            "any code when they are opened: none was.",
            remedy="Try writing the table again with a current anndata: adata.write_zarr(...).",
            where=str(path),
        )


def _metadata(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the name of each node of a store and what describes it."""
    if path.is_file():
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if Path(name).name in _METADATA:
                    yield str(Path(name).parent), _parsed(archive.read(name))
        return
    for folder, below, files in os.walk(path):
        here = Path(folder)
        found = [(name, _parsed((here / name).read_bytes())) for name in _METADATA if name in files]
        for _, content in found:
            yield str(here.relative_to(path)), content
        if any(name == ".zarray" or _is_array(content) for name, content in found):
            below.clear()


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None


def _is_array(content: Any) -> bool:
    return isinstance(content, dict) and content.get("node_type") == "array"


def _has_pickles(content: Any) -> bool:
    """Return whether a description names a codec that pickles, at any depth."""
    if isinstance(content, dict):
        codec = str(content.get("id", content.get("name", ""))).lower()
        if codec.rpartition(".")[2] == "pickle":
            return True
        parts = (v for k, v in content.items() if k != "attributes" and not k.endswith(".zattrs"))
        return any(map(_has_pickles, parts))
    return isinstance(content, list) and any(map(_has_pickles, content))


def refuse_missing(group: zarr.Group, listed: zarr.Group, where: Path) -> None:
    """Refuse a table on disk of which an array, or a part of one, is not there.

    zarr reads both as zeros. It stores no part that holds zeros only, so such a part is taken for
    lost only where zeros make no sense: all counts, coordinates or names of a block of rows, and
    what a sparse matrix stores. Other parts, as columns of `obs`, cannot be checked.

    Parameters
    ----------
    group
        The table, opened by its own metadata.
    listed
        The same table by the list that the store keeps of all its arrays, if it keeps one.

    Raises
    ------
    InputError
        Names the arrays.
    """
    there = dict(group.members(max_depth=None))
    missing = {name for name, _ in listed.members(max_depth=None)} - {*there}
    arrays = {name: array for name, array in there.items() if isinstance(array, zarr.Array)}
    lacking = {n: a for n, a in arrays.items() if a.nchunks_initialized < a.nchunks}
    missing |= {name for name, array in lacking.items() if _is_lost(name, array, there)}
    if missing:
        named = sorted(name for name in missing if name.rpartition("/")[0] not in missing)
        raise InputError(
            f"Expected a whole store, found none or part of {', '.join(named[:5])}.",
            remedy="Try copying or downloading it again, with all of its files.",
            where=str(where),
        )


def _is_lost(name: str, array: zarr.Array, there: dict[str, Any]) -> bool:
    """Return whether an array that lacks chunks cannot have held zeros there."""
    above, _, own = name.rpartition("/")
    holder = there.get(above)
    attributes = dict(holder.attrs) if holder is not None else {}
    if "matrix" in str(attributes.get("encoding-type")) and own in ("data", "indices", "indptr"):
        return own == "data" or not _is_sparse(there[f"{above}/indices"], there[f"{above}/indptr"])
    if attributes.get("_index") == own:
        return True
    if name.partition("/")[0] not in _FILLED or array.ndim != 2:
        return False
    return array.nchunks_initialized == 0 or array.chunks[1] >= array.shape[1]


def _is_sparse(indices: zarr.Array, indptr: zarr.Array) -> bool:
    """Return whether indices and where rows start can be those of a sparse matrix."""
    columns, starts = np.asarray(indices[:]), np.asarray(indptr[:])
    if starts[-1] != len(columns) or (np.diff(starts) < 0).any():
        return False
    rows = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    return len(np.unique(np.stack([rows, columns]), axis=1).T) == len(columns)
