"""A table as elements of SpatialData: its rows as circles and points, its histology, itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.neighbours import nearest
from napari_spatialrecon.tasks.aligning import stored_transform
from napari_spatialrecon.tasks.spatialdata_elements import (
    AFFINE,
    Systems,
    circles,
    picture,
    transformations_of,
)
from napari_spatialrecon.tasks.spatialdata_table import instance_names, keys_of, table_element
from napari_spatialrecon.tissue import contract, slots
from napari_spatialrecon.tissue.embedded import LONGEST, embedded
from napari_spatialrecon.tissue.images import Histology, histology
from napari_spatialrecon.tissue.sdata.instances import instances
from napari_spatialrecon.tissue.sdata.library import (
    MICROMETRES,
    applied,
    library,
    matrices,
    scale_of,
)
from napari_spatialrecon.tissue.sdata.source import source_of
from napari_spatialrecon.tissue.sdata.table import find_instances
from napari_spatialrecon.tissue.slide_frame import SlideScale

if TYPE_CHECKING:
    from anndata import AnnData
    from spatialdata import SpatialData

MICROMETRE_SYSTEM = "um"
"""Name of the coordinate system in µm."""
#: What SpatialData allows in no name of an element.
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9_.-]")
#: Diameter of a point over the distance of neighbours, where nothing states it.
_SHARE = 0.55
#: Diameter of a placed cell in µm.
_CELL_UM = 10.0


def parts_of(
    adata: AnnData,
    name: str,
    *,
    folder: str | Path | None = None,
    into: SpatialData | None = None,
) -> dict[str, Any]:
    """Return the elements that hold a table; the last is the table itself.

    Parameters
    ----------
    adata
        With ``obsm["spatial"]``; not changed.
    name
        Of the table, and of the coordinate system of its frame. A name that `into` has is counted
        on.
    folder
        Folder of the image files named in the table.
    into
        The object that the parts will be added to. Rows that are instances of one of its elements,
        and lie there, annotate it; and where it has an image of them, that is not added again.
    """
    source, taken = None, set()
    if into is not None:
        taken = {element.lower() for _, element, _ in into.gen_elements()}
        source = source_of(adata)
        if source is not None and source["coordinate_system"] not in into.coordinate_systems:
            source = None
    stem = _free(_NOT_ALLOWED.sub("_", name).lstrip("_") or "slide", taken)
    systems = _systems(adata, name, source)
    region = None if source is None else _instances_of(adata, into, source)
    found: dict[str, Any] = {}
    rows = region
    if rows is None:
        rows = f"{stem}_{'cells' if slots.LAYOUT in adata.obsm else 'spots'}"
        found |= _rows(adata, rows, f"{stem}_points", systems)
    shown, image = _shown(adata, into, source), _histology(adata, folder)
    if shown is None and image is not None:
        shown = f"{stem}_histology"
        found[shown] = picture(image, systems)
    system = next(iter(systems))
    note = {"system": system, "matrix": systems[system].tolist()}
    key = _finest_file(adata, folder)
    note |= {"image": shown, "image_key": key}
    # A copy smaller than the hires image that it would stand for is worse than none.
    is_large = key == "hires" and image is not None and max(image.levels[0].shape[:2]) > LONGEST
    held = adata if is_large else embedded(adata)
    found[stem] = table_element(held, rows, note)
    return found


def _free(stem: str, taken: Set[str]) -> str:
    """Return a name whose elements are not there yet; `taken` are in lower case."""
    number, free = 2, stem
    while any(f"{name}_".startswith(f"{free.lower()}_") for name in taken):
        free, number = f"{stem}_{number}", number + 1
    return free


def _systems(adata: AnnData, name: str, source: Mapping[str, Any] | None) -> Systems:
    """Return the coordinate systems of the frame, with the maps to them; its own first."""
    unit, um = contract.unit(adata), contract.um_per_unit(adata)
    if source is not None:
        own = str(source["coordinate_system"])
        systems = {own: np.asarray(source["matrix"], np.float64)}
    else:
        own = name if unit == "um" or name.lower() not in MICROMETRES else f"{name} frame"
        systems = {own: np.eye(3)}
    if um is not None and own.lower() not in MICROMETRES:
        systems[MICROMETRE_SYSTEM] = np.diag([um, um, 1.0])
    return systems


def _instances_of(adata: AnnData, sdata: Any, source: Mapping[str, Any]) -> str | None:
    """Return the element whose instances the rows are, where they still lie there."""
    region = str(source["region"])
    if region not in sdata:
        return None
    keys, found = keys_of(adata, region), instances(sdata[region], region)
    named = pd.Series(instance_names(adata)) if keys is None else adata.obs[keys[1]]
    at = find_instances(found.index, named)
    if (at < 0).any() or len(np.unique(at)) < len(at):
        return None
    there = applied(matrices(sdata[region])[source["coordinate_system"]], found.points[at])
    here = applied(np.asarray(source["matrix"], float), contract.coordinates(adata))
    spread = float(np.ptp(there, axis=0).max()) or 1.0
    return region if np.allclose(here, there, rtol=0, atol=1e-6 * spread) else None


def _rows(adata: AnnData, name: str, points_name: str, systems: Systems) -> dict[str, Any]:
    """Return the rows as circles and as points: an aligned table's as before, with its map."""
    points, held = contract.coordinates(adata), np.eye(3)
    transform = stored_transform(adata)
    if transform is not None and transform.model in AFFINE and slots.BEFORE in adata.obsm:
        points = np.asarray(adata.obsm[slots.BEFORE], float)
        held = transform.matrix / transform.matrix[2, 2]
    radius = np.full(len(points), _diameter(adata) / scale_of(held) / 2)
    lie = {system: matrix @ held for system, matrix in systems.items()}
    ids = instance_names(adata)
    frame = pd.DataFrame({"x": points[:, 0], "y": points[:, 1], "instance_id": ids})
    for column in (slots.EXPECTED, slots.UNCERTAINTY):
        if column in adata.obs:
            frame[column] = np.asarray(adata.obs[column], float)
    return {
        name: circles(points, radius, ids, lie),
        points_name: library().models.PointsModel.parse(
            frame, transformations=transformations_of(lie)
        ),
    }


def _diameter(adata: AnnData) -> float:
    """Return the diameter of a spot or cell in the unit of the coordinates."""
    is_cell, um = slots.LAYOUT in adata.obsm, contract.um_per_unit(adata)
    if is_cell and um is not None:
        return _CELL_UM / um
    is_part = slots.PARENT in adata.obs
    stated = None if is_cell or is_part else SlideScale.read(adata).spot_diameter
    if stated is not None:
        return stated
    points = contract.coordinates(adata)
    apart = float(np.median(nearest(points, 1)[1])) if len(points) > 1 else 0.0
    return _SHARE * (apart or 1.0)


def _shown(adata: AnnData, sdata: Any, source: Mapping[str, Any] | None) -> str | None:
    """Return the image of the object that shows the rows: the one they were read with."""
    if source is None:
        return None
    system = source["coordinate_system"]
    images = [name for name, image in sdata.images.items() if system in matrices(image)]
    found = contract.library(adata)
    files = contract.section(found[1], "images_files") if found is not None else {}
    named = str(files.get("fullres", "")).replace("\\", "/").rpartition("/")[2]
    return named if named in images else next(iter(images), None)


def _histology(adata: AnnData, folder: str | Path | None) -> Histology | None:
    """Return the histology, or None where it cannot be used: a result is written without it."""
    try:
        return histology(adata, folder)
    except InputError:
        return None


def _finest_file(adata: AnnData, folder: str | Path | None) -> str | None:
    """Return the key of the finest image, where the table only names it: an element holds it."""
    found = contract.library(adata)
    if found is None:
        return None
    held, files = (contract.section(found[1], part) for part in ("images", "images_files"))
    for key in ("fullres", "hires", "lowres"):
        if key in held:
            return key if hasattr(held[key], "dask") else None
        named = files.get(key)
        if key == "fullres":
            named = contract.section(found[1], "metadata").get("source_image_path", named)
        if named is not None and Path(folder or "", str(named)).exists():
            return key
    return None
