"""A result whose image is a file of its own is drawn by others all the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from anndata import AnnData
from skimage.io import imsave

from napari_spatialrecon.tissue.embedded import LONGEST, embedded
from napari_spatialrecon.tissue.images import histology

IMAGE = np.random.default_rng(0).integers(0, 255, (300, 200, 3)).astype(np.uint8)


def slide(folder: Path, unit: str = "px", image: np.ndarray = IMAGE) -> AnnData:
    imsave(folder / "he.png", image, check_contrast=False)
    adata = AnnData(np.ones((5, 3), np.float32))
    adata.obsm["spatial"] = np.random.default_rng(1).uniform(0, 400, (5, 2))
    adata.layers["other"] = adata.X.copy()
    factors = {"tissue_hires_scalef": 0.5, "spot_diameter_fullres": 20.0}
    files = {"hires": str(folder / "he.png")}
    adata.uns["spatial"] = {
        "A": {
            "images_files": files,
            "scalefactors": factors,
            "metadata": {"um_per_fullres_px": 0.5},
        }
    }
    adata.uns["spatialrecon"] = {"unit": unit}
    return adata


def test_a_named_image_is_copied_with_its_scale_and_the_table_is_not_changed(
    tmp_path: Path,
) -> None:
    plain = slide(tmp_path)
    found = embedded(plain)
    assert "images" not in plain.uns["spatial"]["A"]
    library = found.uns["spatial"]["A"]
    np.testing.assert_array_equal(library["images"]["hires"], IMAGE)
    assert library["scalefactors"] == {"tissue_hires_scalef": 0.5, "spot_diameter_fullres": 20.0}
    assert list(found.layers) == ["other"] and found.X is plain.X


def test_a_large_image_is_copied_small_and_lies_where_it_lay(tmp_path: Path) -> None:
    large = np.zeros((LONGEST + 600, 400, 3), np.uint8)
    plain = slide(tmp_path, image=large)
    found = embedded(plain)
    library = found.uns["spatial"]["A"]
    assert max(library["images"]["hires"].shape) == LONGEST
    scale = LONGEST / (LONGEST + 600)
    assert library["scalefactors"]["tissue_hires_scalef"] == pytest.approx(0.5 * scale)
    del library["images_files"]
    again = histology(found)
    assert again is not None and again.units_per_pixel == pytest.approx(2 / scale)


@pytest.mark.parametrize("change", ["um", "image", "missing", "none"])
def test_other_tables_stay_as_they_are(tmp_path: Path, change: str) -> None:
    plain = slide(tmp_path, "um" if change == "um" else "px")
    if change == "image":
        plain.uns["spatial"]["A"]["images"] = {"lowres": IMAGE}
    if change == "missing":
        (tmp_path / "he.png").unlink()
    if change == "none":
        del plain.uns["spatial"]
    assert embedded(plain) is plain
