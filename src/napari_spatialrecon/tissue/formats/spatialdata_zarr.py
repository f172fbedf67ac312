"""Reading a table of a SpatialData object on disk, with its place and its image."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anndata
import zarr
from anndata import AnnData

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.formats.options import ReadOptions
from napari_spatialrecon.tissue.formats.recognise import zarr_attributes
from napari_spatialrecon.tissue.formats.zarr_store import refuse_missing, refuse_pickles
from napari_spatialrecon.tissue.formats.zarr_texts import refuse_absurd_texts
from napari_spatialrecon.tissue.sdata.library import MICROMETRES, library
from napari_spatialrecon.tissue.sdata.table import ATTRIBUTES, Tables, as_table

ELEMENTS = ("images", "labels", "points", "shapes")
#: Files that mark a zarr group, of format 3 and 2.
_MARKS = ("zarr.json", ".zgroup")
#: What `coordinateTransformations` holds of what the library reads: all are affine.
_AFFINE = ("identity", "mapAxis", "translation", "scale", "affine", "sequence", "rotation")


def read(path: Path, options: ReadOptions) -> AnnData:
    """Return a table of a SpatialData object; see `tissue.sdata.table.as_table`.

    Raises
    ------
    InputError
        spatialdata is not installed, the format is newer than it, a part is damaged, or it
        holds pickled objects.
    """
    spatialdata = library()
    _check_version(path)
    refuse_pickles(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = spatialdata.read_zarr(path, selection=ELEMENTS, on_bad_files="warn")
    except Exception as error:
        raise _damaged(path, error) from error
    there = {e.name: e for kind in ELEMENTS for e in _groups(path / kind)}
    broken = {name: _broken(element) for name, element in there.items() if name not in found}
    for name in [*found.images, *found.labels]:
        if _is_empty(there[name]):
            broken[name] = _damaged(there[name], None)
            del found[name]
    names = [group.name for group in _groups(path / "tables")]
    tables = Tables(
        names,
        lambda name: _read_table(path, name),
        path.name,
        broken,
        lambda name: _stated_micrometres(there[name]),
    )
    return as_table(found, tables, options)


def _groups(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        for group in sorted(folder.iterdir()):
            if group.is_dir() and any((group / mark).is_file() for mark in _MARKS):
                yield group


def _check_version(path: Path) -> None:
    from spatialdata._io.format import SpatialDataContainerFormats

    stated = zarr_attributes(path).get(ATTRIBUTES, {}).get("version")
    if stated is not None and stated not in SpatialDataContainerFormats:
        known = ", ".join(SpatialDataContainerFormats)
        raise InputError(
            f"Expected a SpatialData format that the installed spatialdata reads ({known}), found "
            f"{stated}.",
            remedy="Try: pip install --upgrade spatialdata",
            where=str(path),
        )


def _read_table(path: Path, name: str) -> AnnData:
    group = path / "tables" / name
    try:
        _refuse_damaged(path, name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = anndata.read_zarr(group)
    except InputError:
        raise
    except Exception as error:
        raise _damaged(group, error) from error
    held = table.uns.get(ATTRIBUTES)
    if isinstance(held, dict) and not isinstance(held.get("region"), str | None):
        held["region"] = [str(region) for region in held["region"]]
    return table


def _refuse_damaged(path: Path, name: str) -> None:
    group = zarr.open_group(path / "tables" / name, mode="r", use_consolidated=False)
    listed = zarr.open_group(path, mode="r").get(f"tables/{name}", group)
    refuse_missing(group, listed, path / "tables" / name)
    refuse_absurd_texts(group, path / "tables" / name)


def _stated_micrometres(element: Path) -> frozenset[str]:
    """Return the coordinate systems of an element whose axes are said to be in µm."""
    return frozenset(
        str(one["output"]["name"])
        for one in _transformations(element)
        for axis in one.get("output", {}).get("axes", ())
        if axis.get("name") == "x" and str(axis.get("unit", "")).lower() in MICROMETRES
    )


def _transformations(element: Path) -> list[dict[str, Any]]:
    content = zarr_attributes(element)
    images = (content.get("ome") or content).get("multiscales")
    held = (images[0] if images else content).get("coordinateTransformations", [])
    return [one for one in held if isinstance(one, dict)]


def _broken(element: Path) -> InputError:
    """Return why an element cannot be read: a map that is not affine, or damage."""
    try:
        kinds = [str(one.get("type")) for one in _transformations(element)]
    except (AttributeError, KeyError) as error:
        return _damaged(element, error)
    others = [kind for kind in kinds if kind not in _AFFINE]
    if not others:
        return _damaged(element, None)
    return InputError(
        f"Expected an affine map to a coordinate system, found {others[0]!r}.",
        remedy="Try applying it to the element before it is written, or leaving it out.",
        where=str(element),
    )


def _is_empty(raster: Path) -> bool:
    """Return whether nothing is stored of an image or of labels, which would read as zeros."""
    arrays = [a for _, a in zarr.open_group(raster, mode="r").arrays()]
    return bool(arrays) and not any(array.nchunks_initialized for array in arrays)


def _damaged(path: Path, error: Exception | None) -> InputError:
    reason = (str(error).splitlines() or [""])[0][:120] if error is not None else ""
    return InputError(
        "Expected intact SpatialData, found a part that cannot be read"
        + (f" ({reason})." if reason else "."),
        remedy="Try copying it again, with all of its files.",
        where=str(path),
    )
