"""The table among the elements of SpatialData, with names that are allowed there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_spatialrecon.tissue import slots
from napari_spatialrecon.tissue.sdata import names
from napari_spatialrecon.tissue.sdata.library import library
from napari_spatialrecon.tissue.sdata.table import ATTRIBUTES

if TYPE_CHECKING:
    from anndata import AnnData


def table_element(adata: AnnData, region: str, note: dict[str, Any]) -> AnnData:
    """Return the table with names that SpatialData allows, and a note of how it was before."""
    table, annotated = adata.copy(), keys_of(adata, region) is not None
    table.uns[slots.SPATIAL] = _without_large_images(table.uns.get(slots.SPATIAL, {}))
    if not table.uns[slots.SPATIAL]:
        del table.uns[slots.SPATIAL]
    columns: list[str] = []
    if not annotated:
        before = table.uns.pop(ATTRIBUTES, None)
        note["attributes"] = None if before is None else _plain(before)
        columns = [_column(table, "region"), _column(table, "instance_id")]
        table.obs[columns[0]] = pd.Categorical(np.full(table.n_obs, region))
        table.obs[columns[1]] = instance_names(table)
    note |= {"columns": columns, "renamed": names.allow(table)}
    if not annotated:
        table = library().models.TableModel.parse(
            table, region=region, region_key=columns[0], instance_key=columns[1]
        )
    ours = dict(table.uns.get(slots.OURS, {}))
    table.uns[slots.OURS] = {**ours, slots.WRITTEN: json.dumps(note)}
    return table


def _column(table: AnnData, name: str) -> str:
    """Return a name for a new column: that one, unless the table has it in any case."""
    used = {str(column).lower() for column in table.obs}
    return name if name not in used else f"spatialrecon_{name}"


def _plain(content: Any) -> Any:
    return json.loads(json.dumps(content, default=lambda value: np.asarray(value).tolist()))


def _without_large_images(libraries: Mapping[str, Any]) -> dict[str, Any]:
    """Return libraries without images that are read lazily: an element holds them."""
    found = {}
    for name, content in libraries.items():
        content = dict(content)
        if "images" in content:
            held = content["images"].items()
            content["images"] = {k: image for k, image in held if not hasattr(image, "dask")}
        found[name] = content
    return found


def keys_of(adata: AnnData, region: str) -> tuple[str, str] | None:
    """Return the columns that name an element and its instances, where the table has them."""
    attributes = adata.uns.get(ATTRIBUTES)
    if not isinstance(attributes, Mapping):
        return None
    keys = str(attributes.get("region_key")), str(attributes.get("instance_key"))
    if not set(keys) <= set(adata.obs):
        return None
    return keys if (adata.obs[keys[0]].astype(str) == region).all() else None


def instance_names(adata: AnnData) -> np.ndarray:
    """Return the names by which rows are told apart: theirs, or numbers where some repeat."""
    if adata.obs_names.is_unique:
        return np.asarray(adata.obs_names.to_numpy(), dtype=object)
    return np.arange(adata.n_obs)
