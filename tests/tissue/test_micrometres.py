"""The µm of a slide come from the surest source, and disagreements and old values are told."""

from __future__ import annotations

from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy.spatial import cKDTree

from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.micrometres import micrometres
from napari_spatialrecon.tissue.read import read_adata
from napari_spatialrecon.tissue.slide_frame import SlideFrame
from napari_spatialrecon.tissue.spot_array import find_array

PX = 0.5
"""µm per pixel of the slides below."""


def visium(*, indices: bool = True, metadata: Any = None, **scalefactors: float) -> AnnData:
    """Return a Visium slide of .5 µm per pixel."""
    row, column = np.divmod(np.arange(600), 30)
    kept = (row + column) % 2 == 0
    row, column = row[kept], column[kept]
    adata = AnnData(np.ones((len(row), 2), np.float32))
    adata.obsm["spatial"] = np.c_[50.0 * column, 87.0 * row] / PX
    if indices:
        adata.obs["array_row"], adata.obs["array_col"] = row, column
    factors = {"spot_diameter_fullres": 65.0 / PX, **scalefactors}
    adata.uns["spatial"] = {"lib": {"scalefactors": factors, "metadata": metadata or {}}}
    return adata


def square(step: float, n: int = 15) -> AnnData:
    row, column = np.divmod(np.arange(n * n), n)
    adata = AnnData(np.ones((n * n, 2), np.float32))
    adata.obsm["spatial"] = np.c_[column, row] * step
    adata.obs["array_row"], adata.obs["array_col"] = row, column
    return adata


def result(adata: AnnData, um: float, **ours: Any) -> AnnData:
    """Return a table as a version before 0.2 left it."""
    adata.uns["spatialrecon"] = {"unit": "px", "um_per_unit": um, "provenance": "{}", **ours}
    return adata


def test_the_pitch_is_surer_than_the_diameter_of_spots() -> None:
    adata = visium(spot_diameter_fullres=70.0 / PX)
    found = micrometres(adata)
    assert found.per_unit == found.per_pixel == pytest.approx(PX)
    assert found.notes == (
        "Used 0.5 µm per unit, by the array's pitch of 100 µm (Visium); by 65 µm of "
        "spot_diameter_fullres it is 0.4643 (-7%).",
    )


def test_sources_that_agree_are_not_mentioned() -> None:
    for adata in (visium(), visium(indices=False), visium(spot_diameter_fullres=65.5 / PX)):
        found = micrometres(adata)
        assert found.per_unit == pytest.approx(PX, rel=0.01) and found.notes == ()


def test_without_indices_spots_are_circles_of_65_um() -> None:
    adata = visium(indices=False)
    adata.obsm["spatial"] *= 1.3
    assert contract.um_per_unit(adata) == pytest.approx(PX) and not micrometres(adata).notes


def test_what_is_stated_comes_before_the_pitch_which_may_contradict_it() -> None:
    stated = visium(metadata={"um_per_fullres_px": 0.8})
    assert contract.um_per_unit(stated) == 0.8
    assert "Used 0.8 µm per unit, by um_per_fullres_px; by" in micrometres(stated).notes[0]
    assert "it is 0.5 (-38%)" in micrometres(stated).notes[0]
    exact = visium(microns_per_pixel=0.8)
    assert contract.um_per_unit(exact) == 0.8
    typed = visium()
    typed.uns["spatialrecon"] = {"um_per_unit": 0.8}
    assert contract.um_per_unit(typed) == 0.8 and len(micrometres(typed).notes) == 1


def test_without_a_library_the_array_alone_tells_the_scale() -> None:
    adata = visium()
    del adata.uns["spatial"]
    assert (contract.unit(adata), contract.um_per_unit(adata)) == ("unit", pytest.approx(PX))
    assert SlideFrame.read(adata).spot_diameter == pytest.approx(110)


def test_a_square_array_is_st_and_that_is_said() -> None:
    found = micrometres(square(80.0))
    assert (found.per_unit, found.spot) == (pytest.approx(2.5), 100.0)
    assert found.notes == (
        "Used 2.5 µm per unit, by the array's pitch of 200 µm (ST): no size is stated.",
    )


def test_spots_of_st_that_state_their_scale_are_as_wide_as_stated() -> None:
    adata = square(291.0)
    factors = {"spot_diameter_fullres": 145.3}
    adata.uns["spatial"] = {
        "C5": {"scalefactors": factors, "metadata": {"um_per_fullres_px": 0.688}}
    }
    found = micrometres(adata)
    assert (found.per_unit, found.notes) == (0.688, ())
    assert SlideFrame.read(adata).spot_diameter == pytest.approx(145.3, rel=0.01)


def test_bins_have_the_size_that_is_stated_and_no_pitch_of_spots() -> None:
    adata = square(29.2)
    factors = {"spot_diameter_fullres": 29.2, "bin_size_um": 8.0, "microns_per_pixel": 8 / 29.2}
    adata.uns["spatial"] = {"hd": {"scalefactors": factors}}
    found = micrometres(adata)
    assert (found.per_unit, found.spot, found.notes) == (8 / 29.2, pytest.approx(8.0), ())
    del factors["microns_per_pixel"]
    assert contract.um_per_unit(adata) == pytest.approx(8 / 29.2)


def test_coordinates_in_um_are_not_measured_again() -> None:
    adata = visium()
    adata.uns["spatialrecon"] = {"unit": "um"}
    assert contract.um_per_unit(adata) == 1.0
    assert contract.um_per_pixel(adata) == pytest.approx(PX)


@pytest.mark.parametrize("indices", [True, False])
def test_a_scale_that_took_spots_as_55_um_is_not_used_where_the_array_refutes_it(
    indices: bool,
) -> None:
    adata = visium(indices=indices, metadata={"um_per_fullres_px": PX * 55 / 65})
    assert contract.um_per_unit(adata) == pytest.approx(PX)
    assert "took spot_diameter_fullres as 55 µm wide" in micrometres(adata).notes[0]


@pytest.mark.parametrize("indices", [True, False])
def test_spots_that_are_stated_as_55_um_wide_are_right_where_the_array_agrees(
    indices: bool,
) -> None:
    """Files of our simulator before 0.2 state the true scale, and spots of 55 µm."""
    stated = {"um_per_fullres_px": PX}
    adata = visium(indices=indices, metadata=stated, spot_diameter_fullres=55.0 / PX)
    found = micrometres(adata)
    assert (found.per_unit, found.spot) == (PX, pytest.approx(55.0))
    assert found.notes == ()


def cells(adata: AnnData) -> AnnData:
    """Return placed cells, which are on no array, with the library of a slide."""
    placed = AnnData(np.ones((40, 2), np.float32), uns=dict(adata.uns))
    placed.obsm["spatial"] = np.random.default_rng(0).uniform(0, 2000, (40, 2))
    return placed


def test_the_scale_of_cells_placed_by_an_earlier_version_is_corrected() -> None:
    old = result(cells(visium()), PX * 55 / 65)
    assert contract.um_per_unit(old) == pytest.approx(PX)
    assert "versions before 0.2" in micrometres(old).notes[0]
    new = result(cells(visium()), PX * 55 / 65, format=2)
    assert contract.um_per_unit(new) == PX * 55 / 65


def test_a_scale_of_an_earlier_version_that_cannot_be_checked_is_doubted() -> None:
    for old in (
        result(cells(visium(metadata={"um_per_fullres_px": PX * 55 / 65})), PX * 55 / 65),
        result(cells(AnnData()), 0.3),
    ):
        found = micrometres(old)
        assert found.per_unit == old.uns["spatialrecon"]["um_per_unit"]
        assert found.notes[0].startswith("Perhaps um_per_unit") and "Try the run" in found.notes[0]


def test_a_scale_of_an_earlier_version_from_another_source_is_kept_silently() -> None:
    hd = visium(microns_per_pixel=0.27, spot_diameter_fullres=29.2)
    typed = result(cells(AnnData()), 0.3, unit="unit")
    for old, um in ((result(cells(hd), 0.27), 0.27), (typed, 0.3)):
        found = micrometres(old)
        assert (found.per_unit, found.notes) == (um, ())


def aligned(adata: AnnData, um: float, scale: float) -> AnnData:
    """Return what aligning by an earlier version left: it scaled the spots, but not the µm."""
    factors = adata.uns["spatial"]["lib"]["scalefactors"]
    factors["spot_diameter_fullres"] *= scale
    adata.obsm["spatial"] = adata.obsm["spatial"] * scale
    matrix = np.diag([scale, scale, 1.0])
    content = {"transform": {"model": "similarity", "matrix": matrix}, "um_per_ref_unit": um}
    return result(adata, um, alignment=content)


def test_the_scale_of_an_earlier_alignment_is_found_by_what_it_moved() -> None:
    um, scale = PX * 55 / 65, 1.25
    spots = aligned(visium(), um / scale, scale)
    assert contract.um_per_unit(spots) == pytest.approx(PX / scale)
    own_image = aligned(cells(visium()), um, scale)
    assert contract.um_per_unit(own_image) == pytest.approx(PX / scale)
    other_image = aligned(cells(visium()), 1.01 * um / scale, scale)
    assert contract.um_per_unit(other_image) == 1.01 * um / scale
    assert micrometres(other_image).notes[0].startswith("Perhaps")


def test_an_earlier_result_is_corrected_as_it_is_read(tmp_path) -> None:
    old = aligned(cells(visium()), PX * 55 / 65, 1.0)
    old.write_h5ad(tmp_path / "old.h5ad")
    read = read_adata(tmp_path / "old.h5ad")
    ours = read.uns["spatialrecon"]
    assert ours["um_per_unit"] == pytest.approx(PX)
    assert ours["alignment"]["um_per_ref_unit"] == pytest.approx(PX)
    assert "versions before 0.2" in ours["notes"][0]
    np.testing.assert_array_equal(read.obsm["spatial"], old.obsm["spatial"])
    read.write_h5ad(tmp_path / "new.h5ad")
    again = read_adata(tmp_path / "new.h5ad")
    assert contract.um_per_unit(again) == pytest.approx(PX) and not micrometres(again).notes


@pytest.mark.parametrize("registered", [False, True])
def test_intrinsic_coordinates_in_um_are_corrected_if_they_are_of_the_same_slide(
    tmp_path, registered: bool
) -> None:
    record = '{"settings": {"registered_to": "b"}}' if registered else "{}"
    old = result(cells(visium()), PX * 55 / 65, provenance=record)
    old.obsm["X_geometry"] = old.obsm["spatial"] * PX * 55 / 65
    old.write_h5ad(tmp_path / "old.h5ad")
    read = read_adata(tmp_path / "old.h5ad")
    length = old.obsm["X_geometry"] * (1 if registered else 65 / 55)
    np.testing.assert_allclose(read.obsm["X_geometry"], length)
    assert ("may be 15% too small" in read.uns["spatialrecon"]["notes"][-1]) == registered


#: Real slides: µm per pixel, width of a spot in µm, and how many sources disagree.
REAL = {
    "platforms/visium_seurat": (0.7264, 55.0, 0),
    "visium_coexpress/visium_spots.h5ad": (4.678, 55.0, 2),
    "visium_mini_dg/visium_spots.h5ad": (0.7267, 55.0, 1),
    "platforms/visium_hd_seurat/binned_outputs/square_008um": (0.27376, 8.0, 0),
    "st_her2_he/C3.h5ad": (0.68738, 100.0, 0),
    "st_mob_he/MOB1.h5ad": (4.4448, 100.0, 0),
}


@pytest.mark.realdata
@pytest.mark.parametrize("file", REAL)
def test_real_slides_have_their_true_scale(realdata, file: str) -> None:
    adata = read_adata(realdata / file)
    um, spot, notes = REAL[file]
    found = micrometres(adata)
    assert found.per_unit == pytest.approx(um, rel=5e-4)
    assert found.spot == pytest.approx(spot, rel=5e-4)
    assert len(found.notes) == notes
    assert SlideFrame.read(adata).spot_diameter == pytest.approx(spot / um, rel=1e-3)


@pytest.mark.realdata
@pytest.mark.parametrize("file", [file for file, (_, spot, _) in REAL.items() if spot == 55.0])
def test_neighbours_on_real_visium_are_100_um_apart(realdata, file: str) -> None:
    adata = read_adata(realdata / file)
    points = contract.coordinates(adata) * contract.um_per_unit(adata)
    distance = cKDTree(points).query(points, 2)[0][:, 1]
    assert np.median(distance) == pytest.approx(100.0, rel=0.005)


@pytest.mark.realdata
@pytest.mark.parametrize("section", ["C2", "C3", "C5"])
def test_the_pitch_of_real_st_agrees_with_the_stated_scale(realdata, section: str) -> None:
    adata = anndata.read_h5ad(realdata / "st_her2_he" / f"{section}.h5ad")
    array = find_array(adata.obs["array_x"], adata.obs["array_y"], contract.coordinates(adata))
    assert array is not None and array.kind == "ST"
    assert array.um_per_unit == pytest.approx(contract.um_per_unit(adata), rel=0.005)


@pytest.mark.realdata
def test_all_spots_of_a_real_array_give_65_um_within_a_thousandth(realdata) -> None:
    """The folder's matrix has few spots; its positions are those of the whole array."""
    folder = realdata / "platforms" / "visium_seurat" / "spatial"
    spots = pd.read_csv(folder / "tissue_positions_list.csv", header=None)
    array = find_array(spots[2], spots[3], spots[[5, 4]].to_numpy(float))
    assert array is not None
    assert array.um_per_unit * 89.47248494250101 == pytest.approx(65.0, rel=1e-3)
