from __future__ import annotations

from typing import Any

import anndata
import numpy as np
import pytest

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.slide_frame import SlideFrame, SlideScale


def slide(points: np.ndarray, **scalefactors: Any) -> anndata.AnnData:
    adata = anndata.AnnData(np.ones((len(points), 2), np.float32))
    adata.obsm["spatial"] = points
    if scalefactors:
        adata.uns["spatial"] = {"C5": {"scalefactors": scalefactors}}
    return adata


def grid(step: float = 100.0) -> np.ndarray:
    return np.array([(x, y) for x in range(6) for y in range(5)], float) * step


def test_a_frame_says_what_the_contract_says() -> None:
    adata = slide(grid(), spot_diameter_fullres=130.0)
    frame = SlideFrame.read(adata)
    assert frame.unit == contract.unit(adata) == "px"
    assert frame.um_per_unit == contract.um_per_unit(adata) == 0.5
    assert frame.um_per_pixel == contract.um_per_pixel(adata) == 0.5
    assert frame.library == contract.library(adata)
    np.testing.assert_array_equal(frame.coordinates, adata.obsm["spatial"])
    assert frame.coordinates is not adata.obsm["spatial"]


def test_a_visium_spot_is_55_um_wide_in_the_unit_of_the_coordinates() -> None:
    adata = slide(grid(), spot_diameter_fullres=130.0)
    assert SlideFrame.read(adata).spot_diameter == 110.0
    adata.uns["spatialrecon"] = {"unit": "um"}
    assert SlideFrame.read(adata).spot_diameter == 55.0


def test_a_bin_is_drawn_as_wide_as_it_is() -> None:
    bins = {"spot_diameter_fullres": 29.2, "microns_per_pixel": 0.274, "bin_size_um": 8.0}
    frame = SlideFrame.read(slide(grid(29.2), **bins))
    assert (frame.um_per_unit, frame.spot_diameter) == (0.274, pytest.approx(29.2))


def test_cells_in_um_are_no_array_although_their_slide_states_a_diameter() -> None:
    scattered = np.random.default_rng(0).uniform(0, 1000, (200, 2))
    adata = slide(scattered, spot_diameter_fullres=130.0)
    adata.uns["spatialrecon"] = {"unit": "um"}
    assert not SlideFrame.read(adata).is_array


def test_evenly_spaced_rows_are_an_array_and_scattered_ones_are_not() -> None:
    even, scattered = grid(), np.random.default_rng(0).uniform(0, 1000, (200, 2))
    assert SlideFrame.read(slide(even)).is_array and SlideFrame.read(slide(even)).spacing == 100.0
    assert not SlideFrame.read(slide(scattered)).is_array
    assert SlideFrame.read(slide(scattered, spot_diameter_fullres=9.0)).is_array


def test_rows_that_mostly_share_their_places_have_a_spacing() -> None:
    frame = SlideFrame.read(slide(np.repeat(grid(), 2, axis=0)))
    assert frame.spacing == 1.0 and not frame.is_array


def test_a_scale_needs_no_coordinates_and_a_frame_does() -> None:
    adata = slide(grid(), spot_diameter_fullres=130.0)
    del adata.obsm["spatial"]
    assert SlideScale.read(adata).um_per_unit == 0.5
    with pytest.raises(InputError, match="coordinates"):
        SlideFrame.read(adata)
