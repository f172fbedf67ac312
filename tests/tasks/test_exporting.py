from __future__ import annotations

import sys

import numpy as np
import pytest

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tasks.aligning import align_by_landmarks
from napari_spatialrecon.tasks.exporting import set_alignment, to_spatialdata

TURN = np.array([[0.0, -1.0], [1.0, 0.0]])


@pytest.fixture
def spatialdata():
    return pytest.importorskip(
        "spatialdata", reason="spatialdata is not installed: pip install -e '.[spatialdata]'"
    )


@pytest.fixture
def slide(tiny):
    """A simulated slide turned off its H&E, and where its spots belong."""
    true = np.asarray(tiny.slides[0].obsm["spatial"], float)
    moved = tiny.slides[0].copy()
    moved.obsm["spatial"] = true @ TURN.T + [300.0, 20.0]
    return moved, true


def aligned(slide, model):
    moved, true = slide
    rows = np.random.default_rng(0).choice(len(true), 8, replace=False)
    return align_by_landmarks(moved, true[rows], moved.obsm["spatial"][rows], model=model).adata


def lies(spatialdata, sdata, element, system):
    """Where an element's circles lie in a coordinate system, by the library's own account."""
    shown = spatialdata.transform(sdata[element], to_coordinate_system=system)
    return np.column_stack([shown.geometry.x, shown.geometry.y])


@pytest.mark.parametrize("model", ["similarity", "affine", "projective", "thin-plate"])
def test_an_alignment_is_put_on_the_circles_of_an_object_that_is_there(
    spatialdata, slide, model
) -> None:
    moved, true = slide
    sdata = to_spatialdata(moved, name="raw")
    before = lies(spatialdata, sdata, "raw_spots", "raw")
    element = set_alignment(sdata, aligned(slide, model), "raw_spots")
    assert (element == "raw_spots") == (model in ("similarity", "affine"))
    np.testing.assert_allclose(lies(spatialdata, sdata, element, "aligned"), true, atol=1e-4)
    np.testing.assert_array_equal(lies(spatialdata, sdata, "raw_spots", "raw"), before)


@pytest.mark.parametrize("model", ["similarity", "thin-plate"])
def test_an_aligned_slide_lies_on_its_histology_and_survives_its_file(
    spatialdata, slide, model, tmp_path
) -> None:
    adata = aligned(slide, model)
    to_spatialdata(adata, name="tumour C5").write(tmp_path / "C5.zarr")
    read = spatialdata.read_zarr(tmp_path / "C5.zarr")
    np.testing.assert_allclose(
        lies(spatialdata, read, "tumour_C5_spots", "tumour C5"), slide[1], atol=1e-4
    )
    extent = spatialdata.get_extent(read["tumour_C5_histology"], coordinate_system="tumour C5")
    inside = [extent[axis][0] <= slide[1][:, i] for i, axis in enumerate("xy")]
    assert np.all(inside) and np.all(slide[1] <= [extent["x"][1], extent["y"][1]])
    table = spatialdata.join_spatialelement_table(
        sdata=read, spatial_element_names="tumour_C5_spots", table_name="tumour_C5", how="inner"
    )[1]
    np.testing.assert_array_equal(table.X.toarray(), adata.X.toarray())


def test_what_is_not_there_is_said(spatialdata, slide) -> None:
    sdata = to_spatialdata(slide[0], name="raw")
    with pytest.raises(InputError, match="found raw"):
        set_alignment(sdata, aligned(slide, "similarity"), "cells")
    with pytest.raises(InputError, match="an alignment"):
        set_alignment(sdata, slide[0], "raw_spots")


def test_without_the_library_it_says_how_to_install_it(slide, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "spatialdata", None)
    with pytest.raises(InputError, match=r"pip install .*\[spatialdata\]"):
        to_spatialdata(slide[0])
