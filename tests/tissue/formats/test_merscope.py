"""Reading a MERSCOPE region: µm, blanks, and the mosaic under the cells."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_spatialrecon.errors import ChoiceError, ValidationError
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.images import histology
from napari_spatialrecon.tissue.read import read_adata

NAMES = ["110883424764611924400221639916314253469", "15589", "15590"]
XY = np.array([[12.0, 30.0], [20.0, 14.0], [25.0, 40.0]])
COUNTS = np.array([[1, 0, 9], [4, 2, 0], [0, 0, 0]])


def write(folder: Path, prefix: str = "", name: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    counts = pd.DataFrame(COUNTS, NAMES, ["PDK4", "CCL26", "Blank-1"])
    counts.to_csv(folder / f"{prefix}cell_by_gene.csv", index_label="cell")
    meta = pd.DataFrame({"fov": 1, "center_x": XY[:, 0], "center_y": XY[:, 1]}, NAMES).iloc[::-1]
    meta.to_csv(folder / f"{prefix}cell_metadata.csv", index_label=name)
    return folder


@pytest.mark.parametrize("name", ["", "EntityID"])
def test_cells_lie_in_um_and_long_names_stay_whole(tmp_path, name: str) -> None:
    adata = read_adata(write(tmp_path / "region", name=name))
    assert list(adata.obs_names) == NAMES
    np.testing.assert_array_equal(adata.obsm["spatial"], XY)
    np.testing.assert_array_equal(adata.X.toarray(), COUNTS[:, :2])
    assert (contract.unit(adata), contract.um_per_unit(adata)) == ("um", 1.0)
    assert "Blank-1" in adata.uns["spatialrecon"]["notes"][0]


@pytest.mark.parametrize(("manifest", "prefix"), [(True, ""), (False, ""), (False, "r0_")])
def test_the_mosaic_lies_under_the_cells(tmp_path, manifest: bool, prefix: str) -> None:
    region = write(tmp_path / "region", prefix)
    images = region / "images"
    images.mkdir()
    matrix = np.array([[9.26, 0, -50.0], [0, 9.26, -80.0], [0, 0, 1]])
    np.savetxt(images / "micron_to_mosaic_pixel_transform.csv", matrix)
    if manifest:
        (images / "manifest.json").write_text(json.dumps({"microns_per_pixel": 1 / 9.26}))
    picture = np.zeros((400, 300), np.uint16)
    column, row = np.floor(matrix[:2, :2] @ XY[0] + matrix[:2, 2]).astype(int)
    picture[row, column] = 30000
    for z in (0, 3, 6):
        tifffile.imwrite(images / f"mosaic_DAPI_z{z}.tif", picture)
    adata = read_adata(region)
    shown = histology(adata)
    assert shown is not None and shown.um_per_pixel == pytest.approx(1 / 9.26)
    assert adata.uns["spatial"][prefix[:-1] or "mosaic"]["metadata"]["source_image_path"].endswith(
        "z3.tif"
    )
    at = np.argwhere(np.asarray(shown.levels[0])[..., 0] > 100)[0][::-1]
    np.testing.assert_allclose(
        (at + 0.5) * shown.units_per_pixel, adata.obsm["spatial"][0], atol=0.11
    )
    np.testing.assert_allclose(np.diff(adata.obsm["spatial"], axis=0), np.diff(XY, axis=0))


def test_of_several_regions_one_is_named(tmp_path) -> None:
    folder = write(write(tmp_path / "two", "r0_"), "r1_")
    with pytest.raises(ChoiceError):
        read_adata(folder)
    assert read_adata(folder, library="r1").n_obs == 3


def test_everything_that_is_missing_is_said_at_once(tmp_path) -> None:
    region = write(tmp_path / "region")
    (region / "cell_by_gene.csv").unlink()
    path = region / "cell_metadata.csv"
    pd.read_csv(path, index_col=0).drop(columns="center_x").to_csv(path)
    with pytest.raises(ValidationError) as caught:
        read_adata(region)
    assert len(caught.value.problems) == 2 and "center_x" in str(caught.value)


@pytest.mark.realdata
def test_a_real_region_is_read(realdata) -> None:
    folder = realdata / "platforms" / "MERSCOPE_small"
    adata = read_adata(folder)
    truth = pd.read_csv(folder / "ovarian_p2s2_cell_metadata.csv", index_col=0)
    names = adata.obs_names.astype(int)
    np.testing.assert_array_equal(
        adata.obsm["spatial"], truth.loc[names, ["center_x", "center_y"]].to_numpy()
    )
    assert adata.shape == (8, 9)
