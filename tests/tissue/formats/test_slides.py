"""One slide of an AnnData table: libraries, coordinates under other names, y that points up."""

from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

from napari_spatialrecon.errors import ChoiceError, InputError
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.images import histology
from napari_spatialrecon.tissue.read import read_adata

XY = np.array([[10.0, 20.0], [30.0, 60.0], [50.0, 100.0], [10.0, 70.0], [0.0, 0.0], [90.0, 10.0]])
LIBRARIES = ["s1", "s1", "s1", "s2", "s2", "s2"]


def table(n: int = 6, **obs: object) -> AnnData:
    counts = sparse.csr_matrix(np.arange(n * 3).reshape(n, 3).astype(np.float32))
    return AnnData(counts, obs=pd.DataFrame(obs, index=[f"c{i}" for i in range(n)]))


def library(shade: int) -> dict:
    image = np.full((24, 20, 3), shade, np.uint8)
    factors = {"tissue_hires_scalef": 0.2, "spot_diameter_fullres": 10.0}
    return {"images": {"hires": image}, "scalefactors": factors, "metadata": {}}


def read(tmp_path: Path, adata: AnnData, **options: str) -> AnnData:
    path = tmp_path / "table.h5ad"
    adata.write_h5ad(path)
    return read_adata(path, **options)


def notes(adata: AnnData) -> str:
    return " ".join(adata.uns.get("spatialrecon", {}).get("notes", []))


def slides(column: str = "library_id", labels: list[str] = LIBRARIES) -> AnnData:
    adata = table(**{column: labels})
    adata.obsm["spatial"] = XY
    adata.uns["spatial"] = {"s1": library(50), "s2": library(200)}
    return adata


@pytest.mark.parametrize("column", ["library_id", "sample", "batch", "fov"])
def test_rows_and_library_are_chosen_together(tmp_path, column: str) -> None:
    adata = read(tmp_path, slides(column), library="s2")
    assert list(adata.obs_names) == ["c3", "c4", "c5"]
    np.testing.assert_array_equal(adata.obsm["spatial"], XY[3:])
    np.testing.assert_array_equal(adata.X.toarray(), np.arange(9, 18).reshape(3, 3))
    assert np.asarray(histology(adata).levels[0]).max() == 200
    assert adata.uns["spatialrecon"]["read"]["library"] == "s2"


def test_a_choice_is_asked_for_before_the_counts_are_read(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(anndata, "read_h5ad", lambda path: pytest.fail("read the counts"))
    with pytest.raises(ChoiceError):
        read(tmp_path, slides())


@pytest.mark.parametrize("asked", [None, "s9"])
def test_two_libraries_in_a_table_are_a_choice(tmp_path, asked: str | None) -> None:
    with pytest.raises(ChoiceError) as caught:
        read(tmp_path, slides(), **({"library": asked} if asked else {}))
    assert caught.value.option == "library" and caught.value.choices == ("s1", "s2")


def test_a_table_cut_from_several_slides_keeps_its_own_library(tmp_path) -> None:
    adata = read(tmp_path, slides(labels=["s2"] * 6))
    assert list(adata.uns["spatial"]) == ["s2"] and adata.n_obs == 6
    assert "library s2" in notes(adata)


def test_libraries_that_no_column_tells_apart_are_taken_with_a_note(tmp_path) -> None:
    both = slides("tissue", ["a", "a", "b", "b", "c", "c"])
    with pytest.raises(ChoiceError):
        read(tmp_path, both)
    adata = read(tmp_path, both, library="s1")
    assert adata.n_obs == 6 and list(adata.uns["spatial"]) == ["s1"]
    assert "all were used" in notes(adata)
    with pytest.raises(InputError, match="a, b"):
        read(tmp_path, slides("library_id", ["a", "a", "a", "b", "b", "b"]), library="s1")


def test_slides_without_images_are_told_by_their_column(tmp_path) -> None:
    adata = slides()
    del adata.uns["spatial"]
    with pytest.raises(ChoiceError):
        read(tmp_path, adata)
    assert read(tmp_path, adata, library="s1").n_obs == 3


def test_cells_of_several_sequencing_libraries_are_no_slides(tmp_path) -> None:
    cells = table(library_id=LIBRARIES)
    assert read(tmp_path, cells).n_obs == 6
    placed = table(library_id=LIBRARIES)
    placed.obsm["spatial"], placed.uns["spatialrecon"] = XY, {"unit": "um"}
    assert read(tmp_path, placed).n_obs == 6


@pytest.mark.parametrize(
    ("columns", "unit"),
    [
        (("x_centroid", "y_centroid"), "um"),
        (("pxl_col_in_fullres", "pxl_row_in_fullres"), "px"),
        (("x", "y"), "unit"),
    ],
)
def test_coordinates_in_columns_are_taken_with_a_note(tmp_path, columns, unit: str) -> None:
    adata = read(tmp_path, table(**dict(zip(columns, XY.T, strict=True))))
    np.testing.assert_array_equal(adata.obsm["spatial"], XY)
    assert contract.unit(adata) == unit and columns[0] in notes(adata)


def test_coordinates_that_are_not_sure_are_not_taken(tmp_path) -> None:
    two = table(x=XY[:, 0], y=XY[:, 1], x_centroid=XY[:, 1], y_centroid=XY[:, 0])
    assert "spatial" not in read(tmp_path, two).obsm
    holes = table(x=[np.nan, *XY[1:, 0]], y=XY[:, 1])
    assert "spatial" not in read(tmp_path, holes).obsm
    same = table(x=XY[:, 0], y=XY[:, 1], x_centroid=XY[:, 0], y_centroid=XY[:, 1])
    assert contract.unit(read(tmp_path, same)) == "um"


def test_another_slot_is_taken_with_a_note(tmp_path) -> None:
    adata = table()
    adata.obsm["X_spatial"] = XY
    read_again = read(tmp_path, adata)
    np.testing.assert_array_equal(read_again.obsm["spatial"], XY)
    assert "X_spatial" in notes(read_again)


def test_an_array_of_visium_lies_100_um_apart(tmp_path) -> None:
    rows, columns = [0, 0, 1, 1, 2, 2], [0, 2, 1, 3, 0, 2]
    adata = read(tmp_path, table(array_row=rows, array_col=columns))
    places = adata.obsm["spatial"]
    for one, other in ((0, 1), (0, 2), (1, 2), (2, 3), (2, 4)):
        assert np.linalg.norm(places[one] - places[other]) == pytest.approx(100)
    assert contract.um_per_unit(adata) == 1
    square = table(array_row=[0, 0, 1, 1, 2, 2], array_col=[0, 1, 0, 1, 0, 1])
    assert "spatial" not in read(tmp_path, square).obsm


def test_negative_y_under_an_image_is_turned(tmp_path) -> None:
    adata = slides(labels=["s1"] * 6)
    adata.obsm["spatial"] = XY * (1, -1)
    turned = read(tmp_path, adata)
    np.testing.assert_array_equal(turned.obsm["spatial"], XY)
    assert "y is negative" in notes(turned)
    kept = read(tmp_path, adata, y_axis="down")
    np.testing.assert_array_equal(kept.obsm["spatial"], XY * (1, -1))
    del adata.uns["spatial"]
    np.testing.assert_array_equal(read(tmp_path, adata).obsm["spatial"], XY * (1, -1))


def test_y_is_turned_about_the_image_where_there_is_one_else_about_the_extent(tmp_path) -> None:
    adata = slides(labels=["s1"] * 6)
    turned = read(tmp_path, adata, y_axis="up")
    np.testing.assert_allclose(turned.obsm["spatial"][:, 1], 24 / 0.2 - XY[:, 1])
    del adata.uns["spatial"]
    turned = read(tmp_path, adata, y_axis="up")
    np.testing.assert_allclose(turned.obsm["spatial"][:, 1], 100 - XY[:, 1])


def test_giotto_columns_point_up(tmp_path) -> None:
    adata = read(tmp_path, table(sdimx=XY[:, 0], sdimy=-XY[:, 1]))
    np.testing.assert_allclose(adata.obsm["spatial"], XY)


def test_the_step_of_a_stereopy_table_is_known(tmp_path) -> None:
    adata = table()
    adata.obsm["spatial"] = XY
    adata.uns |= {"bin_type": "bins", "bin_size": 50, "resolution": 500}
    assert contract.um_per_unit(read(tmp_path, adata)) == 0.5


def test_an_image_that_does_not_hold_the_spots_is_noted(tmp_path) -> None:
    adata = slides(labels=["s1"] * 6)
    assert "holds all spots" not in notes(read(tmp_path, adata))
    adata.uns["spatial"]["s1"]["scalefactors"]["tissue_hires_scalef"] = 0.5
    assert "s1: Expected an image that holds all spots, to (90, 100)" in notes(
        read(tmp_path, adata)
    )
    adata.uns["spatialrecon"] = {"unit": "um"}
    assert "holds all spots" not in notes(read(tmp_path, adata))
