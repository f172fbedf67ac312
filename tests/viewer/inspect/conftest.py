"""Layers of cells for the tests of the tab Inspect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anndata
import numpy as np
import pandas as pd
from napari.layers import Layer, Points

from napari_spatialrecon.viewer.canvas.layers import cells_layer


def cells_of(
    counts: np.ndarray,
    places: np.ndarray,
    *,
    name: str = "a",
    prefix: str = "c",
    genes: Sequence[str] | None = None,
    obsm: dict[str, np.ndarray] | None = None,
    **columns: Any,
) -> Points:
    """A layer of cells named c0, c1 … at places (n, 2) as (x, y) in µm, with counts (n, genes)."""
    n, n_genes = counts.shape
    adata = anndata.AnnData(
        np.asarray(counts, np.float32),
        obs=pd.DataFrame(columns, [f"{prefix}{i}" for i in range(n)]),
        var=pd.DataFrame(index=list(genes or [f"g{i}" for i in range(n_genes)])),
        obsm={"spatial": np.asarray(places, float), **(obsm or {})},
        uns={"spatialrecon": {"unit": "um"}},
    )
    layer = Layer.create(*cells_layer(adata, name=name))
    assert isinstance(layer, Points)
    return layer
