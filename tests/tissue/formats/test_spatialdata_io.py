"""Where spatialdata-io reads a folder too, it finds the same counts in the same places."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import tifffile
from scipy import sparse
from skimage import io

from napari_spatialrecon.tissue.images import histology
from napari_spatialrecon.tissue.read import read_adata

spatialdata_io = pytest.importorskip("spatialdata_io")

NAMES = ["aaaadpbp-1", "ffkpbaba-1", "aaaaahnn-2", "aaaabbbb-1"]
XY = np.array([[10.5, 20.25], [40.0, 5.0], [33.0, 60.0], [52.0, 31.0]])
COUNTS = np.random.default_rng(0).poisson(3, (4, 3)).astype(np.int32)
GENES = ["ACTA2", "KRT8", "EPCAM"]


def write_h5(path: Path) -> None:
    matrix = sparse.csc_matrix(COUNTS.T)
    with h5py.File(path, "w") as file:
        file.attrs["library_ids"] = np.array([b"run"])
        for key in ("data", "indices", "indptr"):
            file[f"matrix/{key}"] = getattr(matrix, key)
        file["matrix/shape"] = matrix.shape
        file["matrix/barcodes"] = np.array(NAMES, "S")
        for key, values in (
            ("id", [f"ENSG{i:011d}" for i in range(3)]),
            ("name", GENES),
            ("feature_type", ["Gene Expression"] * 3),
            ("genome", ["GRCh38"] * 3),
        ):
            file[f"matrix/features/{key}"] = np.array(values, "S")


def same(ours, theirs) -> None:
    theirs = theirs[ours.obs_names, ours.var_names]
    np.testing.assert_array_equal(ours.X.toarray(), theirs.X.toarray())
    assert list(ours.obs_names) == NAMES and list(ours.var_names) == GENES


def test_visium(tmp_path) -> None:
    write_h5(tmp_path / "run_filtered_feature_bc_matrix.h5")
    spatial = tmp_path / "spatial"
    spatial.mkdir()
    places = {"barcode": NAMES, "in_tissue": 1, "array_row": range(4), "array_col": range(4)}
    places |= {"pxl_row_in_fullres": XY[:, 1] * 4, "pxl_col_in_fullres": XY[:, 0] * 4}
    pd.DataFrame(places).to_csv(spatial / "tissue_positions.csv", index=False)
    factors = {"spot_diameter_fullres": 9.0, "tissue_hires_scalef": 0.5}
    factors |= {"tissue_lowres_scalef": 0.1, "fiducial_diameter_fullres": 9.0}
    (spatial / "scalefactors_json.json").write_text(json.dumps(factors))
    image = np.random.default_rng(1).integers(0, 255, (150, 130, 3)).astype(np.uint8)
    io.imsave(spatial / "tissue_hires_image.png", image, check_contrast=False)
    io.imsave(spatial / "tissue_lowres_image.png", image[::5, ::5], check_contrast=False)
    ours = read_adata(tmp_path)
    theirs = spatialdata_io.visium(tmp_path, dataset_id="run")
    table = theirs.tables["table"]
    same(ours, table)
    np.testing.assert_array_equal(
        ours.obsm["spatial"], table[ours.obs_names].obsm["spatial"].astype(float)
    )
    shown = histology(ours)
    assert shown is not None
    pixels = np.moveaxis(np.asarray(theirs.images["run_hires_image"].data), 0, -1)
    np.testing.assert_array_equal(shown.levels[0], pixels)


def test_merscope(tmp_path) -> None:
    region = tmp_path / "slide" / "region_0"
    images = region / "images"
    images.mkdir(parents=True)
    pd.DataFrame(COUNTS, NAMES, GENES).assign(**{"Blank-1": 5}).to_csv(
        region / "cell_by_gene.csv", index_label="cell"
    )
    places = pd.DataFrame({"center_x": XY[:, 0], "center_y": XY[:, 1]}, NAMES)
    places.to_csv(region / "cell_metadata.csv", index_label="EntityID")
    matrix = np.array([[9.26, 0, -50.0], [0, 9.26, -30.0], [0, 0, 1]])
    np.savetxt(images / "micron_to_mosaic_pixel_transform.csv", matrix)
    tifffile.imwrite(images / "mosaic_DAPI_z3.tif", np.zeros((600, 500), np.uint16))
    ours = read_adata(region)
    theirs = spatialdata_io.merscope(region, transcripts=False, cells_boundaries=False)
    table = theirs.tables["table"]
    table.X = sparse.csr_matrix(table.X)
    same(ours, table)
    shown = histology(ours)
    assert shown is not None
    pixels = ours.obsm["spatial"] / shown.units_per_pixel
    in_mosaic = table[ours.obs_names].obsm["spatial"] @ matrix[:2, :2].T + matrix[:2, 2]
    np.testing.assert_allclose(pixels, in_mosaic)
