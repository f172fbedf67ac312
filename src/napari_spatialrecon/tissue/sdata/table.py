"""From a table of a SpatialData object to one AnnData: its rows where their element lies."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray

from napari_spatialrecon.errors import ChoiceError, InputError
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.formats.options import ReadOptions
from napari_spatialrecon.tissue.micrometres import CIRCLE_UM, scale_slots
from napari_spatialrecon.tissue.sdata import names
from napari_spatialrecon.tissue.sdata.frame import Frame, find_frame
from napari_spatialrecon.tissue.sdata.instances import Instances, instances
from napari_spatialrecon.tissue.sdata.library import Matrix, applied, matrices, scale_of
from napari_spatialrecon.tissue.sdata.picture import SMALL, Picture
from napari_spatialrecon.tissue.sdata.source import remember
from napari_spatialrecon.tissue.slots import NOTES, OURS, SOURCE, SPATIAL, WRITTEN
from napari_spatialrecon.tissue.spot_array import SPOT_UM, VISIUM

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
        matrix = np.array(written["matrix"])
        if _lies_at(table, matrix, applied(matrices(sdata[region])[own], found.points)):
            _attach(sdata, table, written)
            _set_ours(table, {SOURCE: remember(sdata, name, region, own, matrix)}, notes)
            return table
    frame = find_frame(sdata, region, found, asked, tables.units(region), notes)
    table.obsm[SPATIAL] = applied(frame.matrix, found.points)
    alone = frame.um_per_unit if frame.unit == "unit" else None
    slots = {
        SOURCE: remember(sdata, name, region, frame.system, frame.to_system),
        **scale_slots(frame.unit, alone),
    }
    content = _library_of(sdata, frame, found, is_array=set(_ARRAY) <= set(table.obs))
    if content:
        table.uns[SPATIAL] = {region: content}
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
    if "attributes" in written:
        before = written["attributes"]
        table.uns = {k: v for k, v in table.uns.items() if k != ATTRIBUTES}
        table.uns |= {} if before is None else {ATTRIBUTES: before}
    names.restore(table, written["renamed"])
    return written


def _lies_at(table: AnnData, matrix: Matrix, places: NDArray[np.float64]) -> bool:
    """Return whether the rows lie where they did when the table was written.

    Parameters
    ----------
    matrix
        From the frame of the table to that of `places`.
    """
    if SPATIAL not in table.obsm:
        return False
    held = applied(matrix, np.asarray(table.obsm[SPATIAL], float))
    spread = float(np.ptp(places, axis=0).max()) or 1.0
    return bool(np.allclose(held, places, rtol=0, atol=1e-6 * spread))


def _attach(sdata: Any, table: AnnData, written: Mapping[str, Any]) -> None:
    """Name in place the image element that holds the finest image of a table."""
    image, key = written.get("image"), written.get("image_key")
    found = contract.library(table)
    if key is None or image is None or image not in sdata.images or found is None:
        return
    name, content = found
    if key in contract.section(content, "images"):
        return
    picture = Picture.of(image, sdata.images[image])
    file = picture.file(sdata)
    part, value = ("images_files", str(file)) if file else ("images", picture.pixels)
    metadata = dict(content.get("metadata", {}))
    if key == "fullres" and not Path(metadata.get("source_image_path", "")).is_file():
        metadata.pop("source_image_path", None)
    attached = {part: {**content.get(part, {}), key: value}, "metadata": metadata}
    table.uns[SPATIAL] = {**table.uns[SPATIAL], name: {**content, **attached}}


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
    notes.append(f"Used table {latest!r}, the last result; there is also {others}.")
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
        notes.append(f"Table {name} annotates no element: its rows have no positions.")
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
        notes.append(f"Table {name} annotates {region}, which does not exist.")
        return None, None, table
    rows = (table.obs[attributes["region_key"]].astype(str) == region).to_numpy()
    found = instances(sdata[region], region)
    at = find_instances(found.index, table.obs[attributes["instance_key"]])
    kept = rows & (at >= 0)
    if not kept.any():
        raise InputError(
            f"Expected rows that name instances of {region}, found none.",
            remedy="Try the object as it was before elements were renamed or cut.",
            where=f'{where}: obs["{attributes["instance_key"]}"]',
        )
    missing = int(rows.sum() - kept.sum())
    if missing:
        notes.append(f"{missing:,} rows of {name} name no instance of {region}; excluded.")
    if not kept.all():
        table = table[kept].copy()
    table.uns[ATTRIBUTES] = {**attributes, "region": region}
    ordered = Instances(found.index[at[kept]], found.points[at[kept]], found.diameter)
    return region, ordered, table


def find_instances(index: pd.Index, wanted: pd.Series) -> np.ndarray:
    """Return the place of each name in an index, -1 where it is not: numbers may be text."""
    at = index.get_indexer(pd.Index(wanted.to_numpy()))
    if (at < 0).all():
        at = index.astype(str).get_indexer(pd.Index(wanted.astype(str).to_numpy()))
    return np.asarray(at)


def _library_of(
    sdata: Any, frame: Frame, found: Instances, *, is_array: bool
) -> dict[str, Any] | None:
    """Return a library as scanpy and squidpy draw it; None where nothing is known.

    A diameter without micrometres is omitted but for arrays: it would be taken for that of Visium.
    """
    factors: dict[str, float] = {}
    images: dict[str, Any] = {}
    files: dict[str, str] = {}
    if found.diameter and (frame.um_per_unit is not None or is_array):
        diameter = found.diameter * scale_of(frame.matrix)
        if np.isclose(diameter * (frame.um_per_unit or 0), SPOT_UM[VISIUM]):
            diameter *= CIRCLE_UM / SPOT_UM[VISIUM]  # Space Ranger states a circle of 65 µm
        factors["spot_diameter_fullres"] = diameter
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
                images["fullres"] = picture.pixels
    if not (factors or images or files):
        return None
    um = frame.um_per_unit if frame.unit == "px" else 1.0 if frame.unit == "um" else None
    parts = {"images": images, "scalefactors": factors, "images_files": files}
    metadata = {} if um is None else {"um_per_fullres_px": um}
    return {key: part for key, part in parts.items() if part} | {"metadata": metadata}
