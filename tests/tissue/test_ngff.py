from __future__ import annotations

import numpy as np
import pytest
import zarr

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.lazy_image import open_image


def written(folder, pixels, axes, zarr_format=3, levels=2):
    """An OME-NGFF image, as the specification has it, of halved levels."""
    group = zarr.open_group(folder, mode="w", zarr_format=zarr_format)
    step = tuple(slice(None, None, 2) if axis in "yx" else slice(None) for axis in axes)
    paths = []
    for number in range(levels):
        group.create_array(str(number), data=pixels)
        paths.append({"path": str(number)})
        pixels = pixels[step]
    named = [{"name": axis} for axis in axes]
    content = {"multiscales": [{"datasets": paths, "axes": named}]}
    group.attrs.update({"ome": content} if zarr_format == 3 else content)
    return folder


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("axes", ["cyx", "yx", "tczyx", "yxc", "zyx"])
def test_an_image_is_read_whatever_the_order_of_its_axes(tmp_path, axes, zarr_format) -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (3, 24, 32), np.uint8)
    sizes = dict(zip("cyx", rgb.shape, strict=True))
    shown = rgb if "c" in axes else np.repeat(rgb[:1], 3, axis=0)
    plane = shown if "c" in axes else shown[0]
    kept = [axis for axis in axes if axis in "cyx"]
    ordered = np.transpose(plane, [("cyx" if "c" in axes else "yx").index(a) for a in kept])
    pixels = ordered.reshape([sizes.get(axis, 1) for axis in axes])
    levels = open_image(written(tmp_path / "he.zarr", pixels, axes, zarr_format))
    assert [level.shape for level in levels] == [(24, 32, 3), (12, 16, 3)]
    np.testing.assert_array_equal(levels[0], np.moveaxis(shown, 0, -1))
    np.testing.assert_array_equal(levels[0][3:9, 5], np.moveaxis(shown, 0, -1)[3:9, 5])


def test_several_planes_and_other_folders_are_refused_in_words(tmp_path) -> None:
    stack = written(tmp_path / "stack.zarr", np.zeros((4, 8, 8), np.uint8), "zyx")
    with pytest.raises(InputError, match="flat image"):
        open_image(stack)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="OME-NGFF"):
        open_image(tmp_path / "empty")
