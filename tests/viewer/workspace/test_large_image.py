from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from PIL import Image

from napari_spatialrecon.tissue.images import Histology
from napari_spatialrecon.tissue.lazy_image import open_image
from napari_spatialrecon.viewer.canvas.layers import histology_layer
from napari_spatialrecon.viewer.workspace import large_image
from napari_spatialrecon.viewer.workspace.large_image import GrowingPyramid, is_slow, open_large


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_image, "LARGE", 600)


@pytest.fixture
def scan(tmp_path: Path) -> Histology:
    y, x = np.mgrid[:1200, :1000]
    pixels = np.stack([y * 255 // 1200, x * 255 // 1000, np.full_like(x, 90)], -1).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "scan.jpg", quality=95)
    return Histology(list(open_image(tmp_path / "scan.jpg")), 1.0, "scan")


def done(progress: Any) -> None:
    return None


def test_a_large_jpeg_is_slow_and_a_small_or_tiled_image_is_not(scan: Histology) -> None:
    assert is_slow(scan)
    small = Histology([np.zeros((500, 500, 3), np.uint8)], 1.0, "small")
    levels = [np.zeros((900, 900, 3), np.uint8), np.zeros((450, 450, 3), np.uint8)]
    assert not is_slow(small) and not is_slow(Histology(levels, 1.0, "tiled"))
    assert is_slow(Histology(levels[:1], 1.0, "one level"))


def test_the_preview_shows_the_same_field_before_the_pyramid_is_built(
    scan: Histology, tmp_path: Path
) -> None:
    pyramid = open_large(scan, None, cache=tmp_path / "cache")
    assert isinstance(pyramid, GrowingPyramid)
    whole = np.asarray(scan.levels[0])
    part = (slice(300, 340), slice(700, 760))
    assert pyramid.levels[0][part].shape == (40, 60, 3)
    before = pyramid.levels[0][part].astype(int)
    assert np.abs(before - whole[part]).mean() < 8
    pyramid.fill(pyramid.build(done, lambda: False))
    np.testing.assert_array_equal(pyramid.levels[0][part], whole[part])


def test_the_next_time_it_opens_from_the_cache(scan: Histology, tmp_path: Path) -> None:
    pyramid = open_large(scan, None, cache=tmp_path / "cache")
    pyramid.build(done, lambda: False)
    again = open_large(scan, None, cache=tmp_path / "cache")
    assert isinstance(again, list) and again[0].shape == (1200, 1000, 3)


def test_another_image_under_the_same_name_is_not_taken_from_the_cache(
    scan: Histology, tmp_path: Path
) -> None:
    open_large(scan, None, cache=tmp_path / "cache").build(done, lambda: False)
    Image.fromarray(np.zeros((1200, 1000, 3), np.uint8)).save(tmp_path / "scan.jpg")
    changed = Histology(list(open_image(tmp_path / "scan.jpg")), 1.0, "scan")
    assert isinstance(open_large(changed, None, cache=tmp_path / "cache"), GrowingPyramid)


@pytest.mark.parametrize("tiling", [{}, {"tile": (256, 256)}, {"rowsperstrip": 64}])
def test_a_large_tiff_without_a_pyramid_is_filled_in_too(
    scan: Histology, tmp_path: Path, tiling: dict[str, Any]
) -> None:
    pixels = np.asarray(scan.levels[0])
    tifffile.imwrite(tmp_path / "scan.tif", pixels, photometric="rgb", **tiling)
    image = Histology(list(open_image(tmp_path / "scan.tif")), 1.0, "scan")
    assert is_slow(image)
    pyramid = open_large(image, None, cache=tmp_path)
    assert isinstance(pyramid, GrowingPyramid)
    pyramid.fill(pyramid.build(done, lambda: False))
    np.testing.assert_array_equal(pyramid.levels[0][:300, :300], pixels[:300, :300])


def test_without_anything_quick_the_preview_is_glass(tmp_path: Path) -> None:
    one = Histology([np.zeros((900, 900, 3), np.uint8)], 1.0, "one level")
    pyramid = open_large(one, None, cache=tmp_path)
    assert (pyramid.levels[0][:3, :3] == 240).all()


def test_napari_shows_the_preview_and_then_the_pixels(scan: Histology, tmp_path: Path) -> None:
    from dataclasses import replace

    viewer = ViewerModel()
    pyramid = open_large(scan, None, cache=tmp_path / "cache")
    data, kwargs, kind = histology_layer(replace(scan, levels=pyramid.levels), 0.5)
    layer = viewer._add_layer_from_data(data, kwargs, kind)[0]
    assert layer.multiscale and layer.level_shapes[0].tolist() == [1200, 1000]
    pyramid.fill(pyramid.build(done, lambda: False))
    layer.refresh()
    assert layer._slice.image.raw.std() > 0


def test_in_a_window_it_fills_in_the_background(
    make_napari_viewer: Any,
    qtbot: Any,
    scan: Histology,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from napari_spatialrecon.viewer.workspace.table_layers import _image_layer

    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / name))
    viewer = make_napari_viewer()
    data, kwargs, _ = _image_layer(scan, 0.5, "scan", None, {}, viewer)
    layer = viewer.add_image(data, **kwargs)
    qtbot.waitUntil(lambda: layer.data[0].source is not None, timeout=20_000)
    part = (slice(0, 10), slice(0, 10))
    np.testing.assert_array_equal(layer.data[0][part], np.asarray(scan.levels[0])[part])


def test_one_pixel_of_a_preview_is_three_numbers_as_of_any_image() -> None:
    preview = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3)
    level = large_image.GrowingLevel((8, 8), preview)
    np.testing.assert_array_equal(level[5, 2], preview[2, 1])
    np.testing.assert_array_equal(level[5, 2:6], preview[2, [1, 1, 2, 2]])
    np.testing.assert_array_equal(level[5, 2, 0], preview[2, 1, 0])
    assert level[2:6, 2:6].shape == (4, 4, 3)
