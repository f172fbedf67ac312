from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from napari_spatialrecon.errors import ValidationError
from napari_spatialrecon.tissue import contract

XY = np.arange(12.0).reshape(6, 2) ** 1.5


def table(columns: dict[str, np.ndarray] | None = None, **obsm: np.ndarray) -> AnnData:
    obs = pd.DataFrame(columns or {}, index=[f"c{i}" for i in range(6)])
    return AnnData(np.ones((6, 2), np.float32), obs=obs, obsm=obsm)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ("x", "y"),
        ("X", "Y"),
        ("x_centroid", "y_centroid"),
        ("center_x", "center_y"),
        ("CenterX_global_px", "CenterY_global_px"),
        ("pxl_col_in_fullres", "pxl_row_in_fullres"),
        ("my_x_position", "my_y_position"),
    ],
)
def test_columns_are_offered_by_their_names_and_the_offer_works(x: str, y: str) -> None:
    up = -1.0 if x == "CenterX_global_px" else 1.0
    adata = table({"n_counts": np.ones(6), x: XY[:, 0], y: up * XY[:, 1]})
    follow(adata)


@pytest.mark.parametrize("key", ["X_spatial", "spatial_um", "spatial3d", "coordinates"])
def test_slots_are_offered_before_columns(key: str) -> None:
    values = np.column_stack([XY, np.zeros(6)]) if key == "spatial3d" else XY
    adata = table({"x": np.zeros(6), "y": np.zeros(6)}, **{"X_umap": -XY, key: values})
    assert key in follow(adata)


def test_neither_an_embedding_nor_text_is_taken_for_places() -> None:
    adata = table({"x": np.array(list("abcdef")), "y": np.ones(6)}, X_umap=XY, X_pca=XY)
    with pytest.raises(ValidationError) as caught:
        contract.coordinates(adata)
    assert "an array (n, 2)" in caught.value.remedy


def follow(adata: AnnData) -> str:
    with pytest.raises(ValidationError) as caught:
        contract.coordinates(adata)
    code = caught.value.remedy.removeprefix("Try ").removesuffix(".")
    exec(code, {"adata": adata})
    np.testing.assert_array_equal(contract.coordinates(adata), XY)
    return code
