"""Reading a Xenium run: µm, controls, image, and every file that is missing."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr
from scipy import sparse

from napari_spatialrecon.errors import ChoiceError, InputError
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.formats.registry import find_format
from napari_spatialrecon.tissue.formats.xenium import cell_name
from napari_spatialrecon.tissue.images import histology
from napari_spatialrecon.tissue.read import read_adata

CELLS = ["aaaadpbp-1", "ffkpbaba-1", "aaaaahnn-2"]
XY = np.array([[10.5, 20.25], [40.0, 5.0], [33.0, 60.0]])
GENES = ["ACTA2", "KRT8", "NegControlProbe_00042", "UnassignedCodeword_0123"]
TYPES = ["Gene Expression", "Gene Expression", "Negative Control Probe", "Unassigned Codeword"]
COUNTS = np.array([[3, 0, 1, 0], [0, 7, 0, 1], [2, 2, 0, 0]])


def write_matrix(path: Path) -> None:
    matrix = sparse.csc_matrix(COUNTS.T)
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        for key in ("data", "indices", "indptr"):
            group[key] = getattr(matrix, key)
        group["shape"] = matrix.shape
        group["barcodes"] = np.array(CELLS, "S")
        features = group.create_group("features")
        features["id"] = np.array([f"ENSG{i:011d}" for i in range(4)], "S")
        features["name"] = np.array(GENES, "S")
        features["feature_type"] = np.array(TYPES, "S")
        features["genome"] = np.array(["GRCh38"] * 4, "S")


def write_zarr(path: Path, *, zipped: bool) -> None:
    matrix = sparse.csr_matrix(COUNTS.T)
    store = zarr.storage.ZipStore(path, mode="w") if zipped else path
    group = zarr.open_group(store, mode="w", zarr_format=2).create_group("cell_features")
    group.attrs.update(
        {
            "number_cells": 3,
            "number_features": 4,
            "feature_keys": GENES,
            "feature_ids": [f"ENSG{i:011d}" for i in range(4)],
            "feature_types": ["gene", "gene", "negative_control_probe", "unassigned_codeword"],
        }
    )
    for key in ("data", "indices", "indptr"):
        group.create_array(key, data=getattr(matrix, key).astype(np.uint32))
    letters = str.maketrans("abcdefghijklmnop", "0123456789abcdef")
    ids = [(int(c[:8].translate(letters), 16), int(c[-1])) for c in CELLS]
    group.create_array("cell_id", data=np.array(ids, np.uint32))
    if zipped:
        store.close()


def write_run(folder: Path, prefix: str = "", places: str = "cells.csv.gz") -> Path:
    folder.mkdir(exist_ok=True)
    write_matrix(folder / f"{prefix}cell_feature_matrix.h5")
    order = [2, 0, 1]
    table = pd.DataFrame(
        {
            "cell_id": CELLS,
            "x_centroid": XY[:, 0],
            "y_centroid": XY[:, 1],
            "cell_area": [60.0, 70.0, 80.0],
        }
    ).iloc[order]
    path = folder / f"{prefix}{places}"
    if path.suffix == ".parquet":
        table["cell_id"] = [name.encode() for name in table["cell_id"]]
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False)
    return folder


@pytest.mark.parametrize("places", ["cells.csv.gz", "cells.csv", "cells.parquet"])
def test_cells_are_joined_with_their_places_in_um(tmp_path, places: str) -> None:
    adata = read_adata(write_run(tmp_path / "run", places=places))
    np.testing.assert_array_equal(adata.obsm["spatial"], XY)
    assert list(adata.obs_names) == CELLS and list(adata.obs["cell_area"]) == [60, 70, 80]
    np.testing.assert_array_equal(adata.X.toarray(), COUNTS[:, :2])
    assert (contract.unit(adata), contract.um_per_unit(adata)) == ("um", 1.0)
    assert "2 features that are controls" in adata.uns["spatialrecon"]["notes"][0]
    assert adata.uns["spatialrecon"]["read"]["format"] == "xenium"


@pytest.mark.parametrize("zipped", [True, False])
def test_the_matrix_of_xenium_explorer_is_read(tmp_path, zipped: bool) -> None:
    run = write_run(tmp_path / "run")
    (run / "cell_feature_matrix.h5").unlink()
    write_zarr(run / f"cell_feature_matrix.zarr{'.zip' if zipped else ''}", zipped=zipped)
    adata = read_adata(run)
    np.testing.assert_array_equal(adata.X.toarray(), COUNTS[:, :2])
    assert list(adata.obs_names) == CELLS
    assert list(adata.var["gene_ids"]) == [f"ENSG{i:011d}" for i in range(2)]


def test_names_of_cells_in_zarr_are_those_that_10x_documents() -> None:
    assert cell_name(1437536272, 1) == "ffkpbaba-1"
    assert cell_name(1, 1) == "aaaaaaab-1"


def test_the_morphology_image_lies_under_the_cells(tmp_path) -> None:
    run = write_run(tmp_path / "run")
    (run / "experiment.xenium").write_text(
        json.dumps({"pixel_size": 0.2125, "region_name": "Region_1"})
    )
    image = np.zeros((400, 300), np.uint16)
    column, row = np.floor(XY[0] / 0.2125).astype(int)
    image[row, column] = 4000
    tifffile.imwrite(run / "morphology_focus.ome.tif", image)
    adata = read_adata(run)
    shown = histology(adata)
    assert shown is not None and shown.name == "Region_1"
    assert shown.um_per_pixel == pytest.approx(0.2125)
    bright = np.argwhere(np.asarray(shown.levels[0])[..., 0] > 100)
    np.testing.assert_allclose((bright[0][::-1] + 0.5) * shown.units_per_pixel, XY[0], atol=0.2125)


def write_focus(folder: Path, planes: np.ndarray) -> None:
    """Write a channel per file, as Xenium does since version 2: one image in several files."""
    folder.mkdir()
    names = [f"morphology_focus_{i:04d}.ome.tif" for i in range(len(planes))]
    channels = "".join(f'<Channel ID="Channel:{i}" SamplesPerPixel="1"/>' for i in range(4))
    files = "".join(
        f'<TiffData FirstC="{i}" IFD="0" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{i}'
        "</UUID></TiffData>"
        for i, name in enumerate(names)
    )
    for i, name in enumerate(names):
        text = (
            '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="urn:uuid:{i}"><Image ID="Image:0"><Pixels ID="Pixels:0" '
            f'DimensionOrder="XYZCT" Type="uint16" SizeX="{planes.shape[2]}" '
            f'SizeY="{planes.shape[1]}" SizeZ="1" SizeC="4" SizeT="1" PhysicalSizeX="0.2125" '
            f'PhysicalSizeY="0.2125">{channels}{files}</Pixels></Image></OME>'
        )
        tifffile.imwrite(
            folder / name,
            planes[i],
            photometric="minisblack",
            description=text.encode(),
            metadata=None,
        )


@pytest.mark.parametrize("whole", [True, False])
def test_of_a_morphology_image_in_several_files_the_first_is_shown(tmp_path, whole: bool) -> None:
    run = write_run(tmp_path / "run")
    (run / "experiment.xenium").write_text(json.dumps({"pixel_size": 0.2125}))
    planes = np.random.default_rng(0).integers(0, 4095, (4, 64, 48)).astype(np.uint16)
    planes[:, 32, 24] = 4095
    write_focus(run / "morphology_focus", planes)
    if not whole:
        (run / "morphology_focus" / "morphology_focus_0002.ome.tif").unlink()
    shown = histology(read_adata(run))
    assert shown is not None and not shown.notes
    expected = np.rint(planes[0].astype(float) * 255 / 4095)
    assert np.abs(np.asarray(shown.levels[0])[..., 0] - expected).max() <= 1


def test_a_run_that_was_copied_by_half_names_everything_that_is_missing(tmp_path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    stated = {
        "images": {"morphology_focus_filepath": "morphology_focus/"},
        "xenium_explorer_files": {"cells_zarr_filepath": "cells.zarr.zip"},
    }
    (run / "experiment.xenium").write_text(json.dumps(stated))
    with pytest.raises(InputError) as caught:
        read_adata(run)
    for name in ("cell_feature_matrix.h5", "cells.parquet", "morphology_focus/", "cells.zarr.zip"):
        assert name in str(caught.value)
    write_matrix(run / "cell_feature_matrix.h5")
    with pytest.raises(InputError, match=r"cells\.parquet") as caught:
        read_adata(run)
    assert "cell_feature_matrix.h5" not in str(caught.value)


def test_cells_without_a_place_are_left_out_and_counted(tmp_path) -> None:
    run = write_run(tmp_path / "run")
    path = run / "cells.csv.gz"
    pd.read_csv(path).query("cell_id != 'ffkpbaba-1'").to_csv(path, index=False)
    adata = read_adata(run)
    np.testing.assert_array_equal(adata.obsm["spatial"], XY[[0, 2]])
    assert any("1 of 3 cells have no position" in n for n in adata.uns["spatialrecon"]["notes"])


def test_of_several_samples_in_a_folder_one_is_named(tmp_path) -> None:
    for prefix in ("GSM1_a_", "GSM2_b_"):
        write_run(tmp_path / "runs", prefix)
    with pytest.raises(ChoiceError) as caught:
        read_adata(tmp_path / "runs")
    assert caught.value.option == "library" and caught.value.choices == ("GSM1_a", "GSM2_b")
    assert read_adata(tmp_path / "runs", library="GSM2_b").n_obs == 3
    assert read_adata(tmp_path / "runs" / "GSM1_a_cells.csv.gz").n_obs == 3


def test_another_sample_than_that_of_the_folder_is_refused_by_its_name(tmp_path) -> None:
    run = write_run(tmp_path / "run")
    assert read_adata(run, library="run").n_obs == 3
    with pytest.raises(ChoiceError) as caught:
        read_adata(run, library="other")
    assert caught.value.choices == ("run",)


def test_y_is_mirrored_only_when_asked(tmp_path) -> None:
    adata = read_adata(write_run(tmp_path / "run"), y_axis="up")
    np.testing.assert_allclose(adata.obsm["spatial"][:, 1], 65 - XY[:, 1])


@pytest.mark.realdata
def test_a_real_run_is_read(realdata) -> None:
    folder = realdata / "platforms" / "Xenium_small"
    adata = read_adata(folder)
    truth = pd.read_csv(folder / "cells.csv.gz")
    assert find_format(folder).name == "xenium"
    np.testing.assert_array_equal(
        adata.obsm["spatial"], truth[["x_centroid", "y_centroid"]].to_numpy()
    )
    assert adata.shape == (6, 4) and adata.X.sum() > 0


def test_a_matrix_alone_is_no_run(tmp_path) -> None:
    run = write_run(tmp_path / "run")
    assert find_format(run / "cell_feature_matrix.h5").name == "xenium"
    (run / "cells.csv.gz").unlink()
    found = find_format(run / "cell_feature_matrix.h5")
    assert found is None or found.name != "xenium"
