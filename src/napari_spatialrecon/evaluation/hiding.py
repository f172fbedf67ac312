"""Removal of cell positions from a table, wherever they are stored."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from napari_spatialrecon.tissue.contract import coordinates
from napari_spatialrecon.tissue.slots import COUNTS, OURS, SPATIAL

#: Columns of `obs` whose names indicate positions: x, Y, x_centroid, array_row, imagecol, ...
_PLACE_NAME = re.compile(
    r"(^|_)([xyz]|row|col|column|pos)\d?($|_)"
    r"|centroid|center|centre|coord|spatial|position|location|pxl|imagerow|imagecol|bregma|fov",
    re.IGNORECASE,
)
#: A number that a plane over (x, y) explains this well (R²) counts as a position.
_GIVEAWAY = 0.9


def hide_places(adata: AnnData) -> AnnData:
    """Return a copy of cells without any information about their positions.

    Keeps the matrix, the layer of counts, `var`, the names of cells and the columns of `obs` that
    do not reveal positions; all of `obsm`, `obsp` and `uns` (images, neighbour graphs) is removed.

    Parameters
    ----------
    adata
        Cells with ``obsm["spatial"]``; not modified.
    """
    points = coordinates(adata) if SPATIAL in adata.obsm else np.empty((adata.n_obs, 0))
    kept = [c for c in adata.obs if not _tells_place(str(c), adata.obs[c], points)]
    layers = {COUNTS: adata.layers[COUNTS].copy()} if COUNTS in adata.layers else None
    matrix: Any = None if adata.X is None else adata.X.copy()
    hidden = AnnData(X=matrix, obs=adata.obs[kept].copy(), var=adata.var.copy(), layers=layers)
    if OURS in adata.uns and "unit" in adata.uns[OURS]:
        hidden.uns[OURS] = {"unit": adata.uns[OURS]["unit"]}
    return hidden


def _tells_place(name: str, column: pd.Series, points: np.ndarray) -> bool:
    if _PLACE_NAME.search(name):
        return True
    if not pd.api.types.is_numeric_dtype(column) or not points.shape[1]:
        return False
    values = column.to_numpy(float, na_value=np.nan)
    known = np.isfinite(values)
    if known.sum() < 10 or np.ptp(values[known]) == 0:
        return False
    values = values[known] - values[known].mean()
    plane = np.column_stack([points[known], np.ones(known.sum())])
    left = values - plane @ np.linalg.lstsq(plane, values)[0]
    return bool(left @ left < (1 - _GIVEAWAY) * (values @ values))
