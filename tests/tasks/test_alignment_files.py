from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pytest
from anndata import AnnData

import napari_spatialrecon as sr
from napari_spatialrecon.tissue import contract

PIXEL = 0.2125


@pytest.fixture
def cells() -> AnnData:
    """Xenium cells: in µm, without an image."""
    xy = np.random.default_rng(0).uniform(0, 2000, (30, 2))
    adata = AnnData(np.ones((30, 2), np.float32), obsm={"spatial": xy})
    adata.uns["spatialrecon"] = {"unit": "um"}
    return adata


@pytest.fixture
def explorer(tmp_path: Path) -> np.ndarray:
    """Both files of one alignment; return its matrix from H&E to DAPI pixels."""
    matrix = np.array([[0.0, 1.3, 800.0], [-1.3, 0.0, 9000.0], [0.0, 0.0, 1.0]])
    np.savetxt(tmp_path / "matrix.csv", matrix, delimiter=",")
    added = np.array([[100.0, 200], [5000, 300], [4000, 6000], [50, 7000]])
    fixed = added @ matrix[:2, :2].T + matrix[:2, 2]
    lines = ["fixedX,fixedY,alignmentX,alignmentY"]
    lines += [",".join(map(str, [*f, *a])) for f, a in zip(fixed.tolist(), added.tolist())]
    (tmp_path / "keypoints.csv").write_text("\n".join(lines))
    return matrix


@pytest.mark.parametrize("name", ["matrix.csv", "keypoints.csv"])
def test_xenium_cells_come_to_lie_on_their_image(
    tmp_path: Path, cells: AnnData, explorer: np.ndarray, name: str
) -> None:
    result = sr.align_by_file(cells, tmp_path / name)
    dapi = np.column_stack([cells.obsm["spatial"] / PIXEL, np.ones(30)])
    wanted = (np.linalg.inv(explorer) @ dapi.T).T[:, :2]
    np.testing.assert_allclose(result.adata.obsm["spatial"], wanted, atol=1e-6)
    assert contract.unit(result.adata) == "px"
    assert contract.um_per_unit(result.adata) == pytest.approx(1.3 * PIXEL)
    assert contract.unit(cells) == "um" and "spatial_before" not in cells.obsm


@pytest.mark.parametrize("name", ["out_matrix.csv", "out_keypoints.csv", "out.csv", "out.zarr"])
@pytest.mark.parametrize("source", ["matrix.csv", "keypoints.csv"])
def test_an_alignment_is_written_in_each_form_and_read_back(
    tmp_path: Path, cells: AnnData, explorer: np.ndarray, source: str, name: str
) -> None:
    result = sr.align_by_file(cells, tmp_path / source)
    result.write(tmp_path / "aligned.h5ad")
    aligned = anndata.read_h5ad(tmp_path / "aligned.h5ad")
    path = sr.write_alignment(aligned, tmp_path / name)
    again = sr.align_by_file(cells, path, model="affine")
    np.testing.assert_allclose(again.adata.obsm["spatial"], aligned.obsm["spatial"], atol=1e-5)


def test_a_matrix_out_is_the_matrix_that_came_in(
    tmp_path: Path, cells: AnnData, explorer: np.ndarray
) -> None:
    result = sr.align_by_file(cells, tmp_path / "matrix.csv")
    written = sr.write_alignment(result.adata, tmp_path / "he_imagealignment.csv")
    np.testing.assert_allclose(np.loadtxt(written, delimiter=","), explorer, atol=1e-9)


def test_a_table_without_an_alignment_is_refused(tmp_path: Path, cells: AnnData) -> None:
    with pytest.raises(sr.InputError, match="Expected an alignment"):
        sr.write_alignment(cells, tmp_path / "a.csv")
