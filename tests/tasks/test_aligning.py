from __future__ import annotations

from pathlib import Path

import anndata
import matplotlib
import numpy as np
import pytest

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.maps.transforms import LEAST_PAIRS
from napari_spatialrecon.tasks.aligning import (
    align_by_landmarks,
    align_by_outline,
    apply_alignment,
    stored_transform,
)
from napari_spatialrecon.tissue import contract

matplotlib.use("Agg")
TURN = np.array([[0.0, -1.0], [1.0, 0.0]])


@pytest.fixture
def slide(tiny):
    """A simulated slide, and the same turned by a quarter and shifted off its H&E."""
    true = tiny.slides[0]
    moved = true.copy()
    moved.obsm["spatial"] = np.asarray(true.obsm["spatial"]) @ TURN.T + [300.0, 20.0]
    return true, moved


def pairs(slide, k=6):
    true, moved = slide
    rows = np.random.default_rng(0).choice(true.n_obs, k, replace=False)
    return np.asarray(true.obsm["spatial"])[rows], np.asarray(moved.obsm["spatial"])[rows]


@pytest.mark.parametrize("model", LEAST_PAIRS)
def test_a_turned_slide_is_laid_back_and_the_input_stays(slide, model) -> None:
    true, moved = slide
    before = np.array(moved.obsm["spatial"])
    result = align_by_landmarks(moved, *pairs(slide, 8), model=model)
    np.testing.assert_allclose(result.adata.obsm["spatial"], true.obsm["spatial"], atol=1e-5)
    np.testing.assert_array_equal(result.adata.obsm["spatial_before"], before)
    np.testing.assert_array_equal(moved.obsm["spatial"], before)
    assert "spatial_before" not in moved.obsm and result.fit.rmse < 1e-5
    assert contract.um_per_unit(result.adata) == contract.um_per_unit(true)


@pytest.mark.parametrize("model", LEAST_PAIRS)
def test_an_alignment_survives_its_file_and_moves_later_results(slide, model, tmp_path) -> None:
    _, moved = slide
    result = align_by_landmarks(moved, *pairs(slide, 8), model=model)
    path, record = result.write(tmp_path / "aligned.h5ad")
    read = anndata.read_h5ad(path)
    assert record.name == "aligned.run.json"
    np.testing.assert_array_equal(read.obsm["spatial"], result.adata.obsm["spatial"])
    later = moved[::3].copy()
    again = apply_alignment(later, read)
    np.testing.assert_allclose(again.adata.obsm["spatial"], read.obsm["spatial"][::3], atol=1e-9)
    assert stored_transform(read).model == model


def test_scanpy_draws_the_saved_file_on_its_histology(slide, tmp_path) -> None:
    import scanpy as sc
    from matplotlib import pyplot as plt

    true, moved = slide
    path, _ = align_by_landmarks(moved, *pairs(slide)).write(tmp_path / "aligned.h5ad")
    read = anndata.read_h5ad(path)
    shown = sc.pl.spatial(read, show=False)[0]
    _, library = contract.library(true)
    factor = library["scalefactors"]["tissue_hires_scalef"]
    circles = shown.collections[0].get_paths()
    drawn = np.array([path.get_extents().get_points().mean(0) for path in circles])
    np.testing.assert_allclose(drawn, np.asarray(true.obsm["spatial"]) * factor, atol=1.0)
    assert shown.images[0].get_array().shape[:2] == library["images"]["hires"].shape[:2]
    plt.close("all")


def test_a_result_in_um_is_written_in_pixels_where_its_image_has_some(slide) -> None:
    true, moved = slide
    um = contract.um_per_unit(true)
    ref = true.copy()
    ref.obsm["spatial"] = np.asarray(true.obsm["spatial"]) * um
    ref.uns["spatialrecon"] = {"unit": "um"}
    there, here = pairs(slide)
    result = align_by_landmarks(moved, there * um, here, ref=ref)
    assert contract.unit(result.adata) == "px"
    np.testing.assert_allclose(result.adata.obsm["spatial"], true.obsm["spatial"], atol=1e-5)
    assert contract.um_per_unit(result.adata) == pytest.approx(um)


def test_spots_given_in_pixels_of_another_image_have_the_um_of_the_one_they_are_laid_on(
    slide,
) -> None:
    true, _ = slide
    small = true.copy()
    small.obsm["spatial"] = np.asarray(true.obsm["spatial"]) / 4
    del small.uns["spatial"]["section1"]["metadata"]
    there, here = pairs((true, small))
    result = align_by_landmarks(small, there, here)
    um = contract.um_per_unit(true)
    assert contract.um_per_unit(small) == pytest.approx(4 * um)
    assert contract.um_per_unit(result.adata) == pytest.approx(um)
    assert result.um_per_unit == pytest.approx(um)
    assert any("array's pitch" in note for note in result.notes)


def test_a_table_keeps_no_um_of_its_own_on_an_image_whose_um_are_unknown(slide) -> None:
    true, moved = slide
    cells = moved.copy()
    cells.obs = cells.obs.drop(columns=["array_row", "array_col"])
    cells.uns["spatialrecon"] = {"unit": "px", "um_per_unit": 3.0}
    unknown = true.copy()
    unknown.obs = unknown.obs.drop(columns=["array_row", "array_col"])
    library = unknown.uns["spatial"]["section1"]
    del library["metadata"], library["scalefactors"]["spot_diameter_fullres"]
    unknown.uns["spatialrecon"] = {"unit": "px"}
    result = align_by_landmarks(cells, *pairs(slide), ref=unknown)
    assert "um_per_unit" not in result.adata.uns["spatialrecon"]
    assert result.um_per_unit is None


def test_a_placed_result_keeps_its_pose_and_uncertainty_in_step(slide) -> None:
    _, moved = slide
    placed = moved.copy()
    layout = np.asarray(moved.obsm["spatial"]) - 5.0
    placed.obsm["X_layout"], placed.obs["placement_uncertainty"] = layout, 3.0
    placed.uns["spatialrecon"] = {
        "pose": {"linear": np.eye(2), "translation": np.full(2, 5.0)},
        "unit": "px",
    }
    there, here = pairs(slide)
    result = align_by_landmarks(placed, 2 * there, here).adata
    pose = result.uns["spatialrecon"]["pose"]
    np.testing.assert_allclose(
        layout @ pose["linear"].T + pose["translation"], result.obsm["spatial"], atol=1e-6
    )
    np.testing.assert_allclose(result.obs["placement_uncertainty"], 6.0)
    bent = align_by_landmarks(placed, *pairs(slide, 8), model="projective").adata
    assert "pose" not in bent.uns["spatialrecon"]


def test_a_pair_that_is_off_is_named_in_the_notes(slide) -> None:
    there, here = pairs(slide, 8)
    there[2] += 400.0
    assert any("Pair 3" in note for note in align_by_landmarks(slide[1], there, here).notes)


def test_without_image_or_alignment_it_says_so(slide) -> None:
    bare = slide[0].copy()
    del bare.uns["spatial"]
    with pytest.raises(InputError, match="H&E image"):
        align_by_outline(bare)
    with pytest.raises(InputError, match="found none"):
        apply_alignment(bare, slide[0])


def test_the_outline_gives_a_start(slide) -> None:
    true, moved = slide
    moved.obsm["spatial"] = np.add(true.obsm["spatial"], [150.0, -90.0])
    result = align_by_outline(moved)
    off = np.linalg.norm(result.adata.obsm["spatial"] - true.obsm["spatial"], axis=1)
    extent = np.ptp(true.obsm["spatial"], axis=0).max()
    assert np.median(off) < 0.06 * extent
    assert "overlap" in result.notes[0]


@pytest.mark.realdata
def test_an_image_that_is_only_named_is_put_into_the_file(realdata: Path, tmp_path: Path) -> None:
    adata = anndata.read_h5ad(realdata / "st_mob_he/MOB1.h5ad")
    library = adata.uns["spatial"]["MOB1"]
    library["images_files"]["hires"] = str(realdata / "st_mob_he/MOB1_he.jpg")
    points = np.asarray(adata.obsm["spatial"], float)
    result = align_by_landmarks(adata, points[::90] + 3.0, points[::90])
    read = anndata.read_h5ad(result.write(tmp_path / "a.h5ad")[0])
    image = read.uns["spatial"]["MOB1"]["images"]["hires"]
    factor = read.uns["spatial"]["MOB1"]["scalefactors"]["tissue_hires_scalef"]
    assert image.shape[0] == 1905 or image.shape[1] == 1905
    assert factor == pytest.approx(1.0)
