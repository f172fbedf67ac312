"""From a table of a SpatialData object to one AnnData: its rows where their element lies."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray

from napari_spatialrecon.errors import ChoiceError, InputError
from napari_spatialrecon.tissue.formats.options import ReadOptions
from napari_spatialrecon.tissue.sdata import names
from napari_spatialrecon.tissue.sdata.frame import Frame, find_frame
from napari_spatialrecon.tissue.sdata.instances import Instances, instances
from napari_spatialrecon.tissue.sdata.library import applied, matrices, scale_of
from napari_spatialrecon.tissue.sdata.picture import SMALL, Picture
from napari_spatialrecon.tissue.sdata.source import remember
from napari_spatialrecon.tissue.slots import NOTES, OURS, SOURCE, SPATIAL, WRITTEN

ATTRIBUTES = "spatialdata_attrs"
"""Key of `uns` by which a table names the elements that its rows are of."""
_ARRAY = ("array_row", "array_col")


@dataclass(frozen=True, eq=False)
class Tables:
    """The tables of a SpatialData object.

    Parameters
    ----------
    names
        All of them.
    load
        Returns one by its name: a copy that may be changed.
    where
        File, for messages.
    broken
        Elements that are there but cannot be read, with what is wrong.
    units
        Coordinate systems in µm, as the axes of an element say, by the element's name.
    """

    names: Sequence[str]
    load: Callable[[str], AnnData]
    where: str
    broken: Mapping[str, InputError] = field(default_factory=dict)
    units: Callable[[str], frozenset[str]] = lambda _: frozenset()


def from_object(sdata: Any, options: ReadOptions) -> AnnData:
    """Return a table of a SpatialData object in memory; see `as_table`."""
    tables = Tables(list(sdata.tables), lambda name: sdata.tables[name].copy(), "SpatialData")
    return as_table(sdata, tables, options)


def as_table(sdata: Any, tables: Tables, options: ReadOptions) -> AnnData:
    """Return a table with the centroids of its element as ``obsm["spatial"]``, and its image.

    Parameters
    ----------
    sdata
        Holds the elements.
    options
        `table`, `region` and `coordinate_system` are heeded.

    Raises
    ------
    ChoiceError
        One of these is not clear, or not the one that was named.
    InputError
        There is no table, or what it annotates is not there.
    """
    notes: list[str] = []
    name = _choose_table(sdata, tables, options.table, notes)
    table = tables.load(name)
    region, found, table = _annotated(sdata, tables, name, table, options.region, notes)
    written = _restore(table)
    if region is None or found is None:
        _set_ours(table, {}, notes)
        return table
    asked, own = options.coordinate_system, written.get("system")
    if asked in (None, own) and own in matrices(sdata[region]):
        places = applied(matrices(sdata[region])[own], found.points)
        if _lies_at(table, places):
            _attach(sdata, table, written.get("image"))
            source = remember(sdata, name, region, own, np.eye(3))
            _set_ours(table, {SOURCE: source}, notes)
            return table
    frame = find_frame(sdata, region, found, asked, tables.units(region), notes)
    table.obsm[SPATIAL] = applied(frame.matrix, found.points)
    slots: dict[str, Any] = {
        SOURCE: remember(sdata, name, region, frame.system, frame.to_system),
        "unit": frame.unit,
    }
    content = _library_of(sdata, frame, found, is_array=set(_ARRAY) <= set(table.obs))
    if content:
        table.uns[SPATIAL] = {region: content}
    if frame.um_per_unit is not None and frame.unit == "unit":
        slots["um_per_unit"] = frame.um_per_unit
    _set_ours(table, slots, notes)
    return table


def _set_ours(table: AnnData, content: dict[str, Any], notes: list[str]) -> None:
    ours = dict(table.uns.get(OURS, {}))
    told = [*map(str, ours.pop(NOTES, ())), *notes]
    table.uns[OURS] = ours | content | ({NOTES: np.array(told)} if told else {})


def _restore(table: AnnData) -> dict[str, Any]:
    """Undo in place what writing a table of ours into SpatialData changed, and return the note."""
    ours = table.uns.get(OURS)
    if not isinstance(ours, Mapping) or WRITTEN not in ours:
        return {}
    written: dict[str, Any] = json.loads(str(ours[WRITTEN]))
    table.uns[OURS] = {key: value for key, value in ours.items() if key != WRITTEN}
    table.obs = table.obs.drop(columns=written["columns"])
    table.uns.pop(ATTRIBUTES)
    names.restore(table, written["renamed"])
    return written


def _lies_at(table: AnnData, places: NDArray[np.float64]) -> bool:
    """Return whether the rows lie where they did when the table was written."""
    held = table.obsm.get(SPATIAL)
    if held is None:
        return False
    return bool(np.allclose(np.asarray(held, float), places, rtol=1e-6, atol=1e-6))


def _attach(sdata: Any, table: AnnData, image: str | None) -> None:
    """Name the image element that holds the full-resolution histology of a table, in place."""
    if not image or image not in sdata.images:
        return
    picture = Picture.of(image, sdata.images[image])
    (library,) = table.uns[SPATIAL].values()
    file = picture.file(sdata)
    if file is not None:
        library["images_files"] = {**library.get("images_files", {}), "fullres": str(file)}
    else:
        pixels = np.moveaxis(picture.levels[0], 0, -1)
        library["images"] = {**library.get("images", {}), "fullres": pixels}


def _choose_table(sdata: Any, tables: Tables, asked: str | None, notes: list[str]) -> str:
    known = list(tables.names)
    if not known:
        raise InputError(
            f"Expected a table of counts in the SpatialData object, found none ({_held(sdata)}).",
            remedy=_count_points(sdata),
            where=tables.where,
        )
    if asked is not None:
        if asked not in known:
            raise ChoiceError("tables", "table", known, asked=asked, where=tables.where)
        return asked
    if len(known) == 1:
        return known[0]
    latest = sdata.attrs.get(OURS, {}).get("table")
    if latest not in known:
        raise ChoiceError("tables", "table", known, where=tables.where)
    others = ", ".join(name for name in known if name != latest)
    notes.append(f"Took table {latest!r}, the last result; there is also {others}.")
    return str(latest)


def _held(sdata: Any) -> str:
    kinds = ("images", "labels", "points", "shapes")
    held = [f"{kind}: {', '.join(getattr(sdata, kind))}" for kind in kinds if getattr(sdata, kind)]
    return "; ".join(held) or "it is empty"


def _count_points(sdata: Any) -> str:
    """Return how to make a table: by counting points in shapes, where it has both."""
    for points, element in sdata.points.items():
        gene = element.attrs.get(ATTRIBUTES, {}).get("feature_key")
        for shapes in sdata.shapes if gene else ():
            return (
                f'Try sdata["table"] = sdata.aggregate(values="{points}", by="{shapes}", '
                f'value_key="{gene}", agg_func="count")["table"].'
            )
    return "Try the table of the platform, as .h5ad, or another object: elements hold no counts."


def _annotated(
    sdata: Any,
    tables: Tables,
    name: str,
    table: AnnData,
    asked: str | None,
    notes: list[str],
) -> tuple[str | None, Instances | None, AnnData]:
    """Return the element that rows are of, its instances in their order, and these rows."""
    attributes = table.uns.get(ATTRIBUTES)
    attributes = attributes if isinstance(attributes, Mapping) else {}
    regions = attributes.get("region")
    regions = [regions] if isinstance(regions, str) else [str(r) for r in regions or ()]
    if not regions:
        notes.append(f"Table {name} annotates no element: its rows have no place.")
        return None, None, table
    where = f"{tables.where}: {name}"
    if asked is not None and asked not in regions:
        raise ChoiceError("regions", "region", regions, asked=asked, where=where)
    if asked is None and len(regions) > 1:
        raise ChoiceError("regions", "region", regions, where=where)
    region = asked or regions[0]
    if region in tables.broken:
        raise tables.broken[region]
    if region not in sdata:
        notes.append(f"Table {name} annotates {region}, which is not there.")
        return None, None, table
    rows = (table.obs[attributes["region_key"]].astype(str) == region).to_numpy()
    found = instances(sdata[region], region)
    at = _find(found.index, table.obs[attributes["instance_key"]])
    kept = rows & (at >= 0)
    if not kept.any():
        raise InputError(
            f"Expected rows that name instances of {region}, found none.",
            remedy="Try the object as it was before elements were renamed or cut.",
            where=f'{where}: obs["{attributes["instance_key"]}"]',
        )
    missing = int(rows.sum() - kept.sum())
    if missing:
        notes.append(f"{missing:,} rows of {name} name no instance of {region}; left out.")
    if not kept.all():
        table = table[kept].copy()
    table.uns[ATTRIBUTES] = {**attributes, "region": region}
    ordered = Instances(found.index[at[kept]], found.points[at[kept]], found.diameter)
    return region, ordered, table


def _find(index: pd.Index, wanted: pd.Series) -> np.ndarray:
    """Return the place of each name in an index, -1 where it is not: numbers may be text."""
    at = index.get_indexer(pd.Index(wanted.to_numpy()))
    if (at < 0).all():
        at = index.astype(str).get_indexer(pd.Index(wanted.astype(str).to_numpy()))
    return np.asarray(at)


def _library_of(
    sdata: Any, frame: Frame, found: Instances, *, is_array: bool
) -> dict[str, Any] | None:
    """Return a library as scanpy and squidpy draw it; None where nothing is known.

    A diameter without micrometres is left out but for arrays: it would be taken for that of Visium.
    """
    factors: dict[str, float] = {}
    images: dict[str, Any] = {}
    files: dict[str, str] = {}
    if found.diameter and (frame.um_per_unit is not None or is_array):
        factors["spot_diameter_fullres"] = found.diameter * scale_of(frame.matrix)
    picture = frame.picture
    if picture is not None:
        small = picture.small()
        if small is not None:
            images["hires"] = small
            share = small.shape[1] / picture.size[1]
            factors["tissue_hires_scalef"] = frame.pixels_per_unit * share
        if max(picture.size) > SMALL:
            file = picture.file(sdata)
            if file is not None:
                files["fullres"] = str(file)
            else:
                images["fullres"] = np.moveaxis(picture.levels[0], 0, -1)
    if not (factors or images or files):
        return None
    um = frame.um_per_unit if frame.unit == "px" else 1.0 if frame.unit == "um" else None
    parts = {"images": images, "scalefactors": factors, "images_files": files}
    metadata = {} if um is None else {"um_per_fullres_px": um}
    return {key: part for key, part in parts.items() if part} | {"metadata": metadata}
