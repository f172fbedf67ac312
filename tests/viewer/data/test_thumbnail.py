from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Points

from napari_spatialrecon.viewer.data.thumbnail import SIDE, source_of, thumbnail
from napari_spatialrecon.viewer.workspace.workspace import Role


def test_a_thumbnail_is_of_the_image_or_of_the_points(
    viewer: ViewerModel, open_tissue: Any
) -> None:
    space = open_tissue(viewer)
    layer = source_of(space, space.of_role(Role.SLIDE)[0])
    assert isinstance(layer, Image)
    picture = thumbnail(layer)
    assert max(picture.shape) <= SIDE and picture.dtype == np.uint8 and picture.std() > 5
    dots = thumbnail(Points(np.array([[0.0, 0.0], [10.0, 5.0]])))
    assert (dots.sum(axis=2) > 0).sum() == 2
    assert not thumbnail(Points(np.empty((0, 2)))).any()


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_images_of_any_depth_have_a_thumbnail(dtype: type) -> None:
    ramp = np.linspace(0, 1000, 40_000).reshape(200, 200).astype(dtype)
    picture = thumbnail(Image(ramp))
    assert picture.shape == (40, 40, 3) and picture.max() > 240 and picture.min() < 10


@pytest.mark.parametrize(("dtype", "white"), [(np.uint16, 65535), (np.float32, 1.0)])
def test_colors_of_any_depth_keep_their_brightness(dtype: type, white: float) -> None:
    half = np.full((90, 90, 3), white / 2).astype(dtype)
    picture = thumbnail(Image(half, rgb=True))
    assert picture.dtype == np.uint8 and np.unique(picture).tolist() == [127]
