"""Where a table without `obsm["spatial"]` may hold its coordinates."""

from __future__ import annotations

import numpy as np
import pandas as pd
from anndata import AnnData

from napari_spatialrecon.tissue.formats.points import Pair, find_pairs

#: Embeddings, which have two columns and are not positions.
_EMBEDDINGS = ("umap", "tsne", "pca", "phate", "draw_graph", "diffmap", "scvi", "harmony")


def found_in(adata: AnnData) -> str:
    """Return the code of the coordinates of a table: its slot or columns, by their names.

    Returns
    -------
    Python that gives (n, 2) numbers, (x, y), y down. Where nothing looks like coordinates it names
    an array that the user has to make.

    Examples
    --------
    >>> cells = pd.DataFrame({"x_centroid": [1.0], "y_centroid": [2.0]})
    >>> found_in(AnnData(obs=cells))
    'adata.obs[["x_centroid", "y_centroid"]].to_numpy()'
    """
    for key in sorted(adata.obsm, key=lambda key: "spatial" not in key.lower()):
        if _is_layout(key, adata.obsm[key]):
            columns = "" if np.shape(adata.obsm[key])[1] == 2 else "[:, :2]"
            return f'adata.obsm["{key}"]{columns}'
    known = find_pairs(list(map(str, adata.obs.columns)))
    for pair in [*known, *map(Pair, _twins(adata.obs))]:
        x, y = pair.columns
        if _numeric(adata.obs, x) and _numeric(adata.obs, y):
            turned = " * [1, -1]" if pair.up else ""
            return f'adata.obs[["{x}", "{y}"]].to_numpy(){turned}'
    return "places, an array (n, 2) of x and y in the order of adata.obs_names"


def _is_layout(key: str, values: object) -> bool:
    if any(word in key.lower() for word in _EMBEDDINGS) or isinstance(values, pd.DataFrame):
        return False
    array = np.asarray(values) if isinstance(values, np.ndarray) else None
    if array is None or array.ndim != 2 or array.dtype.kind not in "iuf":
        return False
    return array.shape[1] == 2 or (array.shape[1] == 3 and "spatial" in key.lower())


def _twins(obs: pd.DataFrame) -> list[tuple[str, str]]:
    """Return columns whose names differ by x and y alone."""
    names = set(map(str, obs.columns))
    other = {"x": "y", "X": "Y"}
    return [
        (name, twin)
        for name in map(str, obs.columns)
        for at, letter in enumerate(name)
        if letter in other and (twin := f"{name[:at]}{other[letter]}{name[at + 1 :]}") in names
    ]


def _numeric(obs: pd.DataFrame, name: str) -> bool:
    return name in obs and pd.api.types.is_numeric_dtype(obs[name])
