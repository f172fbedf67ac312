from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.images import histology
from napari_spatialrecon.tissue.read import read_adata
from napari_spatialrecon.viewer.canvas.layers import spots_layer
from napari_spatialrecon.viewer.writer import write_points


@pytest.fixture
def state(viewer: ViewerModel, slide: anndata.AnnData) -> tuple:
    layer = viewer._add_layer_from_data(*spots_layer(slide, name="C5"))[0]
    layer.scale = (2.0, 2.0)
    data, attributes, _ = layer.as_layer_data_tuple()
    return data, attributes


def test_an_h5ad_holds_genes_columns_and_the_places_that_are_seen(
    state: tuple, slide: anndata.AnnData, tmp_path: Path
) -> None:
    (path,) = write_points(str(tmp_path / "out.h5ad"), *state)
    back = anndata.read_h5ad(path)
    np.testing.assert_allclose(back.obsm["spatial"], slide.obsm["spatial"] * 2)
    pd.testing.assert_frame_equal(back.obs, slide.obs)
    np.testing.assert_array_equal(back.X, slide.X)


def test_a_csv_holds_every_column(state: tuple, slide: anndata.AnnData, tmp_path: Path) -> None:
    (path,) = write_points(str(tmp_path / "out.csv"), *state)
    back = pd.read_csv(path, index_col="obs_name")
    assert list(back.columns) == ["x", "y", "domain", "score"]
    assert list(back.index) == list(slide.obs_names)
    np.testing.assert_allclose(back["x"], slide.obsm["spatial"][:, 0] * 2)


def test_a_spatialdata_zarr_holds_the_table_and_its_histology(
    state: tuple, slide: anndata.AnnData, tmp_path: Path
) -> None:
    pytest.importorskip("spatialdata", reason="spatialdata is not installed")
    (path,) = write_points(str(tmp_path / "out.zarr"), *state)
    back = read_adata(path)
    np.testing.assert_allclose(back.obsm["spatial"], slide.obsm["spatial"] * 2)
    pd.testing.assert_frame_equal(back.obs[list(slide.obs)], slide.obs)
    assert histology(back) is not None


def test_another_ending_is_refused_and_nothing_is_left(state: tuple, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ending in \.h5ad, \.zarr or \.csv, found \.tif"):
        write_points(str(tmp_path / "out.tif"), *state)
    assert list(tmp_path.iterdir()) == []


def test_a_plain_points_layer_is_written_too(tmp_path: Path) -> None:
    (path,) = write_points(str(tmp_path / "p.csv"), np.array([[1.0, 2.0]]), {"name": "p"})
    assert pd.read_csv(path)[["x", "y"]].to_numpy().tolist() == [[2.0, 1.0]]
