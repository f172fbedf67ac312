"""Zarr stores, folders or zip files, looked into without reading an array."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_spatialrecon.errors import InputError

_METADATA = ("zarr.json", ".zarray", ".zmetadata")


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
