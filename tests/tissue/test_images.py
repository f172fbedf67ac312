"""Histology: found, scaled to the spots, opened lazily, and told from the glass around it."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from anndata import AnnData
from PIL import Image
from skimage import io
from skimage.draw import disk

from napari_spatialrecon.errors import InputError, Stopped
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import coordinates
from napari_spatialrecon.tissue.images import Histology, histology, tissue_mask
from napari_spatialrecon.tissue.lazy_image import RgbImage, image_shape, open_image, to_rgb
from napari_spatialrecon.tissue.pyramid import build_pyramid, open_pyramid
from napari_spatialrecon.tissue.read import read_adata

RGB = np.random.default_rng(0).integers(0, 256, (60, 50, 3)).astype(np.uint8)


def slide(**library: object) -> AnnData:
    adata = AnnData(np.ones((4, 1), np.float32))
    content = {"scalefactors": {"tissue_hires_scalef": 0.25, "spot_diameter_fullres": 130.0}}
    adata.uns["spatial"] = {"s1": content | library}
    return adata


def test_a_table_without_library_has_no_histology() -> None:
    assert histology(AnnData(np.ones((4, 1)))) is None


def test_an_image_in_uns_is_scaled_by_its_factor() -> None:
    image = histology(slide(images={"hires": RGB}))
    assert image is not None
    assert (image.name, image.units_per_pixel, image.um_per_pixel) == ("s1", 4.0, 2.0)
    np.testing.assert_array_equal(np.asarray(image.levels[0]), RGB)


def test_an_image_between_0_and_1_is_shown_as_it_is() -> None:
    image = histology(slide(images={"hires": RGB.astype(np.float32) / 255}))
    assert image is not None
    np.testing.assert_array_equal(np.asarray(image.levels[0]), RGB)


def test_where_coordinates_are_in_um_so_is_a_pixel() -> None:
    adata = slide(images={"hires": RGB})
    adata.uns["spatialrecon"] = {"unit": "um"}
    image = histology(adata)
    assert image is not None and image.units_per_pixel == image.um_per_pixel == 2.0


def test_files_beside_the_table_are_found_and_absent_ones_are_noted(tmp_path) -> None:
    io.imsave(tmp_path / "he.png", RGB, check_contrast=False)
    adata = slide(images_files={"hires": "he.png", "fullres": "gone.jpg"})
    image = histology(adata, tmp_path)
    assert image is not None and image.units_per_pixel == 4.0
    assert image.notes == ("gone.jpg (fullres image) does not exist.",)
    assert histology(adata) is None


def test_an_image_of_another_field_is_left_out(tmp_path) -> None:
    io.imsave(tmp_path / "full.png", np.zeros((240, 300, 3), np.uint8), check_contrast=False)
    image = histology(slide(images={"hires": RGB}, images_files={"fullres": "full.png"}), tmp_path)
    assert image is not None and len(image.levels) == 1
    assert "a different field" in image.notes[0]


def test_an_image_without_its_factor_is_an_error() -> None:
    with pytest.raises(InputError, match="tissue_lowres_scalef"):
        histology(slide(images={"lowres": RGB}))


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (np.array([[7]], np.uint8), [7, 7, 7]),
        (np.array([[[10, 20, 30, 255]]], np.uint8), [10, 20, 30]),
        (np.array([[[10, 20, 30, 0]]], np.uint8), [255, 255, 255]),
        (np.array([[[9, 255]]], np.uint8), [9, 9, 9]),
        (np.array([[True]]), [255, 255, 255]),
    ],
    ids=["gray", "opaque", "transparent", "gray with alpha", "bool"],
)
def test_every_kind_of_pixel_becomes_rgb(block: np.ndarray, expected: list[int]) -> None:
    top = 1.0 if block.dtype == bool else 255.0
    assert to_rgb(block, top)[0, 0].tolist() == expected


def test_many_channels_are_refused() -> None:
    with pytest.raises(InputError, match="7 channels"):
        RgbImage(np.zeros((5, 5, 7), np.uint8))


KEYS = [
    np.s_[:],
    np.s_[3:9, 10:20],
    np.s_[5],
    np.s_[-1, -2],
    np.s_[..., 1],
    np.s_[::7, 1::5, :2],
    np.s_[4, :, 0],
    np.s_[-10:, :-5],
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_a_lazy_image_is_indexed_like_an_array(tmp_path, key) -> None:
    tifffile.imwrite(tmp_path / "a.tif", RGB, tile=(16, 16), photometric="rgb")
    for image in (RgbImage(RGB), open_image(tmp_path / "a.tif")[0]):
        np.testing.assert_array_equal(image[key], RGB[key])


def test_a_tiff_of_channels_first_and_16_bits_is_read(tmp_path) -> None:
    planes = np.moveaxis(RGB, -1, 0).astype(np.uint16) * 16
    planes[:, 0, 0] = 4095
    tifffile.imwrite(
        tmp_path / "a.ome.tif", planes, metadata={"axes": "CYX"}, photometric="minisblack"
    )
    (image,) = open_image(tmp_path / "a.ome.tif")
    assert image.shape == (60, 50, 3)
    assert np.abs(image[1:].astype(int) - RGB[1:]).max() <= 1


def test_the_levels_of_a_tiff_are_levels_and_its_label_is_not(tmp_path) -> None:
    path = tmp_path / "a.ome.tif"
    large = np.repeat(np.repeat(RGB, 4, 0), 4, 1)
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(RGB[:20, :20], photometric="rgb")
        tiff.write(large, subifds=1, tile=(32, 32), photometric="rgb", metadata={"axes": "YXS"})
        tiff.write(large[::2, ::2], subfiletype=1, tile=(32, 32), photometric="rgb")
    levels = open_image(path)
    assert [level.shape for level in levels] == [(240, 200, 3), (120, 100, 3)]
    np.testing.assert_array_equal(levels[1][8:12], large[16:24:2, ::2])


@pytest.mark.parametrize("name", ["a.tif", "a.jpg", "a.png"])
def test_a_file_that_is_no_image_is_refused(tmp_path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"II*\0" + b"\xff" * 40 if name == "a.tif" else b"no image")
    with pytest.raises(InputError, match="cannot be read") as caught:
        open_image(path)
    assert str(path) in str(caught.value)


def test_a_jpeg_that_is_cut_short_is_refused_when_it_is_looked_at(tmp_path) -> None:
    path = tmp_path / "a.jpg"
    io.imsave(path, RGB, check_contrast=False)
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(InputError, match="cannot be read"):
        open_image(path)[0][:]


def test_a_pyramid_holds_the_image_and_its_means(tmp_path) -> None:
    large = np.random.default_rng(1).integers(0, 256, (1301, 1100, 3)).astype(np.uint8)
    seen = []
    levels = build_pyramid(RgbImage(large), tmp_path / "p.zarr", Reporter(seen.append))
    assert [level.shape[:2] for level in levels] == [(1301, 1100), (650, 550), (325, 275)]
    np.testing.assert_array_equal(levels[0][:], large)
    means = large[:1300].reshape(650, 2, 550, 2, 3).mean(axis=(1, 3))
    assert np.abs(levels[1][:] - means).max() <= 0.5
    assert seen[-1].step == seen[-1].total
    assert len(open_pyramid(tmp_path / "p.zarr")) == 3


def test_a_pyramid_that_is_stopped_leaves_nothing(tmp_path) -> None:
    with pytest.raises(Stopped):
        build_pyramid(RGB, tmp_path / "p.zarr", Reporter(should_stop=lambda: True))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError):
        open_pyramid(tmp_path / "p.zarr")


def painted() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    rgb = np.full((200, 240, 3), 240, np.uint8)
    truth = np.zeros((200, 240), bool)
    truth[disk((100, 120), 60)] = True
    rgb[truth] = [150, 90, 170]
    rgb[disk((90, 110), 6)] = 240
    rgb[disk((20, 20), 4)] = [150, 90, 170]
    noise = rng.normal(0, 6, rgb.shape)
    return np.clip(rgb + noise, 0, 255).astype(np.uint8), truth


def test_the_mask_is_the_tissue_without_dirt_and_holes() -> None:
    rgb, truth = painted()
    mask = tissue_mask(rgb)
    assert (mask & truth).sum() / (mask | truth).sum() > 0.95
    assert mask[90, 110] and not mask[20, 20]


def test_glass_alone_has_no_tissue() -> None:
    assert not tissue_mask(np.full((50, 60, 3), 245, np.uint8)).any()


def test_a_thumbnail_knows_its_scale_and_is_not_enlarged() -> None:
    image = Histology([RgbImage(np.repeat(np.repeat(RGB, 20, 0), 20, 1))], 0.5, "a")
    small, units = image.thumbnail(60)
    assert small.shape == (60, 50, 3) and units == pytest.approx(10)
    assert np.abs(small.astype(float).mean() - RGB.mean()) < 3
    same, units = image.thumbnail(5000)
    assert same.shape == (1200, 1000, 3) and units == 0.5


REAL = [f"st_her2_he/{n}" for n in ("C2", "C3", "C5")] + [
    f"st_mob_he/{n}" for n in ("MOB1", "MOB2", "MOB4")
]


@pytest.mark.realdata
@pytest.mark.parametrize("name", REAL)
def test_real_spots_lie_on_the_tissue_of_their_image(realdata, name: str) -> None:
    path = realdata / f"{name}.h5ad"
    adata = read_adata(path)
    image = histology(adata, path.parent)
    assert image is not None
    rgb, units = image.thumbnail(512)
    mask = tissue_mask(rgb)
    columns, rows = np.rint(coordinates(adata) / units).astype(int).T
    assert mask[rows, columns].mean() > 0.9
    assert 0.08 < mask.mean() < 0.25


@pytest.mark.realdata
def test_the_real_full_resolution_image_and_the_small_one_agree(realdata) -> None:
    path = realdata / "st_her2_he" / "C3.h5ad"
    image = histology(read_adata(path), path.parent)
    assert image is not None and image.units_per_pixel == 1.0
    fine, coarse = image.levels
    assert fine.shape == (9936, 9270, 3)
    assert image.um_per_pixel == pytest.approx(0.687, abs=0.001)
    ratio = fine.shape[0] / coarse.shape[0]
    rows, columns = (slice(round(at * ratio), round((at + 40) * ratio)) for at in (700, 1200))
    a, b = fine[rows, columns].mean(), coarse[700:740, 1200:1240].mean()
    assert abs(a - b) < 3


GREY = np.arange(40 * 60).reshape(40, 60) % 251


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif"])
def test_an_image_without_colors_is_shown_in_grey(tmp_path, suffix):
    path = tmp_path / f"grey{suffix}"
    Image.fromarray(GREY.astype(np.uint8)).save(path)
    (image,) = open_image(path)
    assert image.shape == (40, 60, 3) == (*image_shape(path), 3)
    off = np.abs(image[:].astype(int) - GREY[..., None])
    assert off.max() <= (0 if suffix != ".jpg" else 40)


def test_grey_of_16_bits_and_of_one_is_scaled(tmp_path):
    Image.fromarray((GREY * 256).astype(np.uint16)).save(tmp_path / "deep.png")
    Image.fromarray(GREY > 100).save(tmp_path / "flat.png")
    deep, flat = (open_image(tmp_path / name)[0][:] for name in ("deep.png", "flat.png"))
    assert np.abs(deep[..., 0].astype(int) - GREY).max() <= 1
    np.testing.assert_array_equal(np.unique(flat), [0, 255])


def test_a_file_that_pillow_only_names_is_refused_when_it_is_read(tmp_path):
    path = tmp_path / "of.tif"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64))
    with pytest.raises(InputError):
        np.asarray(open_image(path)[0])
