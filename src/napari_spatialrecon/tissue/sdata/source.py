"""Where a table came from, so that a result of it can be put beside it again."""

from __future__ import annotations

import uuid
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from anndata import AnnData

from napari_spatialrecon.tissue.sdata.library import Matrix, library
from napari_spatialrecon.tissue.slots import OURS, SOURCE

_objects: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()


def remember(
    sdata: Any, table: str, region: str, coordinate_system: str, to_system: Matrix
) -> dict[str, Any]:
    """Return the slot that names a table's origin.

    Parameters
    ----------
    to_system
        From the frame of ``obsm["spatial"]`` to `coordinate_system`.
    """
    origin = {
        "table": table,
        "region": region,
        "coordinate_system": coordinate_system,
        "matrix": np.asarray(to_system, np.float64),
    }
    if sdata.path is not None:
        return {**origin, "path": str(Path(sdata.path).resolve())}
    token = next((name for name, known in _objects.items() if known is sdata), uuid.uuid4().hex)
    _objects[token] = sdata
    return {**origin, "object": token}


def source_of(adata: AnnData) -> Mapping[str, Any] | None:
    """Return the slot that `remember` made, where the table still has it."""
    ours = adata.uns.get(OURS)
    found = ours.get(SOURCE) if isinstance(ours, Mapping) else None
    return found if isinstance(found, Mapping) else None


def origin_of(source: Mapping[str, Any]) -> Any:
    """Return the SpatialData object a table came from; None where neither file nor object is left.

    That of a file is read anew; its images and points are read where they are accessed.
    """
    if "object" in source:
        return _objects.get(str(source["object"]))
    path = Path(str(source["path"]))
    return library().read_zarr(path) if path.is_dir() else None


def carried(adata: AnnData | None) -> dict[str, Any]:
    """Return the slot for a result that lies in the frame of a table; nothing without one."""
    found = None if adata is None else source_of(adata)
    return {} if found is None else {SOURCE: dict(found)}


def rescaled(carried: Mapping[str, Any], units: float) -> dict[str, Any]:
    """Return the slot of `carried` for a frame whose unit is `units` of that one's."""
    grow = np.diag([units, units, 1.0])
    return {k: {**slot, "matrix": np.asarray(slot["matrix"]) @ grow} for k, slot in carried.items()}
