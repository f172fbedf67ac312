"""A size of pixels that the user states counts, in every format whose unit is not µm already."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from anndata import AnnData

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.formats.options import ReadOptions
from napari_spatialrecon.tissue.read import read_adata


def write(folder: Path, unit: str) -> Path:
    adata = AnnData(np.ones((6, 3), np.float32))
    adata.obsm["spatial"] = np.random.default_rng(0).uniform(0, 100, (6, 2))
    adata.uns["spatialrecon"] = {"unit": unit}
    adata.write_h5ad(folder / "slide.h5ad")
    return folder / "slide.h5ad"


@pytest.mark.parametrize("unit", ["px", "unit"])
def test_the_stated_size_counts_and_is_kept_with_the_table(tmp_path: Path, unit: str) -> None:
    adata = read_adata(write(tmp_path, unit), um_per_pixel=0.25)
    assert contract.um_per_unit(adata) == 0.25
    assert adata.uns["spatialrecon"]["read"]["um_per_pixel"] == "0.25"


def test_coordinates_in_micrometres_need_none(tmp_path: Path) -> None:
    adata = read_adata(write(tmp_path, "um"), um_per_pixel=0.25)
    assert contract.um_per_unit(adata) == 1
    assert "um_per_pixel" not in adata.uns["spatialrecon"]["read"]


@pytest.mark.parametrize("typed", ["0", "-1", "wide", "inf", "nan"])
def test_what_is_no_size_is_refused(typed: str) -> None:
    with pytest.raises(InputError, match="positive number"):
        ReadOptions(um_per_pixel=typed)


def test_a_comma_is_taken_as_a_point() -> None:
    assert ReadOptions(um_per_pixel="0,5").scale() == 0.5


@pytest.mark.realdata
def test_pixels_of_cosmx_are_converted_by_it(realdata: Path) -> None:
    folder = realdata / "platforms" / "CosMx_small"
    plain, scaled = read_adata(folder), read_adata(folder, um_per_pixel=0.18)
    points = contract.coordinates(plain) * 0.18 / 0.12028
    np.testing.assert_allclose(contract.coordinates(scaled), points)
    assert not any("size of a pixel" in note for note in scaled.uns["spatialrecon"]["notes"])
