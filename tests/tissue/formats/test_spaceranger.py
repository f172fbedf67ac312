"""Reading Space Ranger folders in every shape in which they are passed on."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from skimage import io

from napari_spatialrecon.errors import ChoiceError, InputError, ValidationError
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.images import histology
from napari_spatialrecon.tissue.read import read_adata

BARCODES = [f"ACGT{i:02d}-1" for i in range(6)]
XY = np.array([[50, 100], [150, 100], [250, 100], [50, 300], [150, 300], [250, 300]], float)
COUNTS = np.random.default_rng(0).poisson(2, (6, 4)).astype(np.int32)
FACTORS = {"spot_diameter_fullres": 65.0, "tissue_hires_scalef": 0.1, "tissue_lowres_scalef": 0.05}
HIRES = np.random.default_rng(1).integers(0, 255, (40, 30, 3)).astype(np.uint8)


def write_matrix(path: Path, names: list[str] = BARCODES) -> None:
    matrix = sparse.csc_matrix(COUNTS.T)
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        for key in ("data", "indices", "indptr"):
            group[key] = getattr(matrix, key)
        group["shape"] = matrix.shape
        group["barcodes"] = np.array(names, "S")
        group["features/id"] = np.array([f"ENSG{i:011d}" for i in range(4)], "S")
        group["features/name"] = np.array(["A", "B", "C", "D"], "S")
        group["features/feature_type"] = np.array(["Gene Expression"] * 4, "S")
        group["features/genome"] = np.array(["GRCh38"] * 4, "S")


def positions() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "barcode": BARCODES,
            "in_tissue": 1,
            "array_row": np.repeat([0, 1], 3),
            "array_col": [0, 2, 4, 1, 3, 5],
            "pxl_row_in_fullres": XY[:, 1].astype(int),
            "pxl_col_in_fullres": XY[:, 0].astype(int),
        }
    )


def write_spatial(folder: Path, prefix: str = "", places: str = "tissue_positions.csv") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{prefix}{places}"
    if path.suffix == ".parquet":
        positions().to_parquet(path)
    else:
        positions().to_csv(path, index=False, header="list" not in places)
    (folder / f"{prefix}scalefactors_json.json").write_text(json.dumps(FACTORS))
    for key, step in (("hires", 1), ("lowres", 2)):
        image = HIRES[::step, ::step]
        io.imsave(folder / f"{prefix}tissue_{key}_image.png", image, check_contrast=False)


def write_outs(folder: Path, prefix: str = "") -> Path:
    write_spatial(folder / "spatial")
    write_matrix(folder / f"{prefix}filtered_feature_bc_matrix.h5")
    return folder


def pack(folder: Path) -> None:
    for path in [p for p in folder.iterdir() if p.is_file() and p.suffix != ".h5"]:
        with gzip.open(f"{path}.gz", "wb") as stream:
            stream.write(path.read_bytes())
        path.unlink()


def check(adata) -> None:
    rows = [BARCODES.index(name) for name in adata.obs_names]
    assert len(rows) == 6
    np.testing.assert_array_equal(adata.obsm["spatial"], XY[rows])
    np.testing.assert_array_equal(adata.X.toarray(), COUNTS[rows])
    shown = histology(adata)
    assert shown is not None and shown.units_per_pixel == 10
    np.testing.assert_array_equal(shown.levels[0], HIRES)


@pytest.mark.parametrize("prefix", ["V1_Brain_", "sampleA."])
def test_a_matrix_with_a_prefix_belongs_to_the_spatial_folder_beside_it(tmp_path, prefix) -> None:
    adata = read_adata(write_outs(tmp_path / "run", prefix))
    check(adata)
    assert list(adata.uns["spatial"]) == [prefix[:-1]]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("places", ["tissue_positions_list.csv", "tissue_positions.csv"])
def test_flat_files_of_an_archive_are_read(tmp_path, packed: bool, places: str) -> None:
    folder = tmp_path / "GSE1"
    write_spatial(folder, "GSM1_a_", places)
    write_matrix(folder / "GSM1_a_filtered_feature_bc_matrix.h5")
    if packed:
        pack(folder)
    check(read_adata(folder))


def test_of_several_samples_one_is_named(tmp_path) -> None:
    folder = tmp_path / "GSE1"
    for prefix in ("GSM1_a_", "GSM2_b_"):
        write_spatial(folder, prefix)
        write_matrix(folder / f"{prefix}filtered_feature_bc_matrix.h5")
    with pytest.raises(ChoiceError) as caught:
        read_adata(folder)
    assert (caught.value.option, caught.value.choices) == ("library", ("GSM1_a", "GSM2_b"))
    check(read_adata(folder, library="GSM2_b"))
    with pytest.raises(ChoiceError, match="GSM9"):
        read_adata(folder, library="GSM9")


def test_a_folder_of_runs_is_a_choice_too(tmp_path) -> None:
    write_outs(tmp_path / "runs" / "s1" / "outs")
    write_outs(tmp_path / "runs" / "s2" / "outs")
    (tmp_path / "runs" / ".hidden").mkdir()
    with pytest.raises(ChoiceError) as caught:
        read_adata(tmp_path / "runs")
    assert caught.value.choices == ("s1", "s2")
    check(read_adata(tmp_path / "runs", library="s2"))


def test_of_two_samples_that_share_places_one_is_named_and_that_is_noted(tmp_path) -> None:
    folder = write_outs(tmp_path / "run", "a_")
    write_matrix(folder / "b_filtered_feature_bc_matrix.h5")
    with pytest.raises(ChoiceError) as caught:
        read_adata(folder)
    assert caught.value.choices == ("a", "b")
    adata = read_adata(folder, library="b")
    assert any("assumed to belong to b" in note for note in adata.uns["spatialrecon"]["notes"])


def test_places_as_seurat_writes_them_are_read(tmp_path) -> None:
    outs = write_outs(tmp_path / "run")
    names = {"in_tissue": "tissue", "array_row": "row", "array_col": "col"}
    names |= {"pxl_row_in_fullres": "imagerow", "pxl_col_in_fullres": "imagecol"}
    table = positions().set_index("barcode").rename(columns=names)
    table.to_csv(outs / "spatial" / "tissue_positions.csv")
    check(read_adata(outs))


def test_blank_images_are_noted_and_shown(tmp_path) -> None:
    outs = write_outs(tmp_path / "run")
    path = outs / "spatial" / "tissue_hires_image.png"
    io.imsave(path, np.zeros((40, 30, 4), np.uint8), check_contrast=False)
    adata = read_adata(outs)
    assert any("hires_image.png is blank" in n for n in adata.uns["spatialrecon"]["notes"])
    assert histology(adata) is not None


@pytest.mark.parametrize("key", ["hires", "lowres"])
def test_an_image_that_does_not_fit_its_scale_factor_is_refused(tmp_path, key: str) -> None:
    outs = write_outs(tmp_path / "run")
    path = outs / "spatial" / f"tissue_{key}_image.png"
    io.imsave(path, np.zeros((12, 9, 3), np.uint8), check_contrast=False)
    with pytest.raises(ValidationError, match=f"tissue_{key}_scalef") as caught:
        read_adata(outs)
    assert "copying the image" in caught.value.remedy
    path.unlink()
    assert read_adata(outs).n_obs == 6


def test_images_whose_scale_factors_disagree_are_refused(tmp_path) -> None:
    outs = write_outs(tmp_path / "run")
    factors = {**FACTORS, "tissue_hires_scalef": 0.08}
    (outs / "spatial" / "scalefactors_json.json").write_text(json.dumps(factors))
    with pytest.raises(ValidationError, match="375 x 500 and 300 x 400"):
        read_adata(outs)


def test_a_slide_none_of_whose_barcodes_has_a_place_is_refused(tmp_path) -> None:
    outs = write_outs(tmp_path / "run")
    write_matrix(outs / "filtered_feature_bc_matrix.h5", [f"TTTT{i}-1" for i in range(6)])
    with pytest.raises(InputError, match=r"TTTT0-1.*ACGT00-1") as caught:
        read_adata(outs)
    assert caught.value.remedy


@pytest.fixture
def hd(tmp_path) -> Path:
    """An output of Visium HD with bins of 2, 8 and 16 µm, and segmented cells."""
    outs = tmp_path / "outs"
    for size in (2, 8, 16):
        folder = outs / "binned_outputs" / f"square_{size:03d}um"
        write_spatial(folder / "spatial", places="tissue_positions.parquet")
        factors = {**FACTORS, "microns_per_pixel": 0.25, "bin_size_um": float(size)}
        (folder / "spatial" / "scalefactors_json.json").write_text(json.dumps(factors))
        write_matrix(folder / "filtered_feature_bc_matrix.h5")
    cells = outs / "segmented_outputs"
    write_spatial(cells / "spatial")
    (cells / "spatial" / "tissue_positions.csv").unlink()
    write_matrix(
        cells / "filtered_feature_cell_matrix.h5", [f"cellid_{i:09d}-1" for i in range(1, 7)]
    )
    shapes = [
        {
            "type": "Feature",
            "properties": {"cell_id": i + 1},
            "geometry": {
                "type": "Polygon",
                "coordinates": [
                    [[x - 5, y - 9], [x + 5, y - 9], [x + 5, y + 9], [x - 5, y + 9], [x - 5, y - 9]]
                ],
            },
        }
        for i, (x, y) in enumerate(XY)
    ]
    text = json.dumps({"type": "FeatureCollection", "features": shapes})
    (cells / "cell_segmentations.geojson").write_text(text)
    return outs


def size_of(adata) -> float:
    return next(iter(adata.uns["spatial"].values()))["scalefactors"]["bin_size_um"]


def test_bins_of_8_um_are_taken_with_a_note(hd) -> None:
    for path in (hd, hd.parent, hd / "binned_outputs"):
        adata = read_adata(path)
        assert size_of(adata) == 8 and contract.um_per_unit(adata) == 0.25
        assert "8 µm bins" in adata.uns["spatialrecon"]["notes"][0]
    assert size_of(read_adata(hd / "binned_outputs" / "square_016um")) == 16


@pytest.mark.parametrize("asked", ["16", 16, "016", "16um", "square_016um"])
def test_a_bin_size_is_chosen_in_any_form(hd, asked) -> None:
    adata = read_adata(hd, bin=asked)
    assert size_of(adata) == 16
    assert not any("Took" in note for note in adata.uns["spatialrecon"].get("notes", []))


def test_a_bin_size_that_is_not_there_is_refused_with_those_that_are(hd) -> None:
    with pytest.raises(ChoiceError) as caught:
        read_adata(hd, bin="4")
    assert caught.value.choices == ("2", "8", "16", "cells")
    with pytest.raises(ChoiceError):
        read_adata(hd / "binned_outputs" / "square_008um", bin="16")
    shutil.rmtree(hd / "binned_outputs" / "square_008um")
    with pytest.raises(ChoiceError):
        read_adata(hd)


@pytest.mark.parametrize("direct", [True, False])
def test_segmented_cells_lie_at_the_centers_of_their_outlines(hd, direct: bool) -> None:
    adata = read_adata(hd / "segmented_outputs") if direct else read_adata(hd, bin="cells")
    np.testing.assert_allclose(adata.obsm["spatial"], XY)
    np.testing.assert_allclose(adata.obs["cell_area_px"], 180)
    assert contract.unit(adata) == "px"


@pytest.mark.realdata
def test_real_slides_are_read_whole_or_with_what_was_left_out(realdata) -> None:
    platforms = realdata / "platforms"
    v1 = read_adata(platforms / "visium_seurat")
    assert v1.shape == (2695, 100)
    assert any("blank" in note for note in v1.uns["spatialrecon"]["notes"])
    hd = platforms / "visium_hd_seurat" / "binned_outputs"
    assert size_of(read_adata(hd)) == 8
    few = read_adata(hd, bin=16)
    assert few.n_obs == 336 and size_of(few) == 16
    assert any("2,053 of 2,695" in note for note in few.uns["spatialrecon"]["notes"])
    table = pd.read_parquet(hd / "square_016um" / "spatial" / "tissue_positions.parquet")
    truth = table.set_index("barcode").loc[few.obs_names]
    np.testing.assert_array_equal(
        few.obsm["spatial"], truth[["pxl_col_in_fullres", "pxl_row_in_fullres"]].to_numpy()
    )
