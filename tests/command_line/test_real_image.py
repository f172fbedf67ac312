"""The H&E of a real section, from a result that lies elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from napari_spatialrecon.tissue.images import histology
from napari_spatialrecon.tissue.read import read_adata


@pytest.mark.realdata
def test_a_real_section_is_drawn_on_the_image_beside_its_slide(run, realdata, tmp_path):
    her2, out = realdata / "st_her2_he", tmp_path / "placed.h5ad"
    code, _, messages = run(
        *("place", "--method", "knn", "--reference", her2 / "C3.h5ad"),
        *("--query", her2 / "C5.h5ad", "--out", out, "--picture", tmp_path / "picture.png"),
    )
    assert code == 0, messages
    image = histology(read_adata(out))
    assert image is not None
    assert image.notes == ()
    pixels = np.asarray(Image.open(tmp_path / "picture.png").convert("RGB")).astype(int)
    assert (pixels[..., 0] - pixels[..., 1] > 20).mean() > 0.1
