"""The table of a layer, for our widgets and for those of napari-spatialdata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatialrecon.tissue.slots import OURS

if TYPE_CHECKING:
    from anndata import AnnData
    from napari.layers import Layer

_ATTRIBUTES = "spatialdata_attrs"
_TABLE = "table"


def table_of(layer: Layer) -> AnnData | None:
    """Return the table whose rows a layer shows; None of a layer without one."""
    ours = layer.metadata.get(OURS, {})
    found: AnnData | None = ours.get(_TABLE, layer.metadata.get("adata"))
    return found


def set_table(layer: Layer, adata: AnnData, **ours: Any) -> None:
    """Replace the table of a layer, and add to its slots of ours.

    A layer that napari-spatialdata made stays one of its elements.
    """
    held = {**layer.metadata.get(OURS, {}), **ours}
    if layer.metadata.get("sdata") is not None:
        new = {"adata": adata, OURS: {**held, _TABLE: adata}}
    else:
        new = table_metadata(adata, layer.name, held)
    layer.metadata = {**layer.metadata, **new}


def table_metadata(adata: AnnData, name: str, ours: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata of a layer that shows a table.

    The keys are those that the widgets of napari-spatialdata read, so that its View colors the
    layer by genes and columns. It gets a table of its own, with the columns that tell the rows
    apart in its way; ours stays as it is. ``sdata`` and ``name`` would mark the layer as an element
    of an open SpatialData object, and be hidden with its coordinate system: they stay empty.

    Parameters
    ----------
    name
        Of the layer, which stands for that of the element.
    ours
        Slots of ours.
    """
    annotated = _annotated(adata, name)
    keys = annotated.uns[_ATTRIBUTES]
    return {
        "adata": annotated,
        "name": None,
        "region_key": keys["region_key"],
        "instance_key": keys["instance_key"],
        "indices": annotated.obs[keys["instance_key"]].tolist(),
        "_n_indices": adata.n_obs,
        "_columns_df": None,
        "_active_in_cs": set(),
        "_current_cs": None,
        OURS: {**ours, _TABLE: adata},
    }


def _annotated(adata: AnnData, name: str) -> AnnData:
    """Return a table of the same arrays with a name of its element and of each row."""
    import pandas as pd

    from napari_spatialrecon.tissue.sharing import sharing

    keys = adata.uns.get(_ATTRIBUTES)
    if isinstance(keys, dict) and {keys["region_key"], keys["instance_key"]} <= set(adata.obs):
        return adata
    keys = {"region": name, "region_key": "layer_name", "instance_key": "layer_row"}
    for key in ("region_key", "instance_key"):
        while keys[key] in adata.obs:
            keys[key] += "_"
    obs = adata.obs.copy(deep=False)
    obs[keys["region_key"]] = pd.Categorical.from_codes(np.zeros(adata.n_obs, np.int8), [name])
    obs[keys["instance_key"]] = np.arange(adata.n_obs)
    return sharing(adata, obs=obs, uns={**adata.uns, _ATTRIBUTES: keys})
