"""The size of a pixel as image files state it, and images with more axes than a picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr
from anndata import AnnData
from scipy import sparse

from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.images import histology
from napari_spatialrecon.tissue.lazy_image import image_shape, open_image
from napari_spatialrecon.tissue.pixel_size import stated_um_per_pixel
from napari_spatialrecon.tissue.read import read_adata

RGB = np.random.default_rng(0).integers(0, 255, (64, 48, 3)).astype(np.uint8)


def ome(path: Path, **metadata: object) -> Path:
    tifffile.imwrite(path, RGB, photometric="rgb", metadata={"axes": "YXS", **metadata})
    return path


@pytest.mark.parametrize(
    ("size", "unit", "expected"),
    [(0.5, "µm", 0.5), (500, "nm", 0.5), (0.0005, "mm", 0.5), (0.5, None, 0.5)],
)
def test_ome_tiff_states_its_physical_size(tmp_path, size, unit, expected) -> None:
    units = {} if unit is None else {"PhysicalSizeXUnit": unit, "PhysicalSizeYUnit": unit}
    path = ome(tmp_path / "a.ome.tif", PhysicalSizeX=size, PhysicalSizeY=size, **units)
    assert stated_um_per_pixel(path) == pytest.approx(expected)


def test_svs_states_its_mpp(tmp_path) -> None:
    text = "Aperio Image Library v11.2.1\r\n46000x32914 |AppMag = 20|MPP = 0.4990|Left = 25"
    tifffile.imwrite(tmp_path / "a.svs", RGB, photometric="rgb", description=text, metadata=None)
    assert stated_um_per_pixel(tmp_path / "a.svs") == 0.499


def test_tags_of_a_scanner_count_and_defaults_of_programs_do_not(tmp_path) -> None:
    for name, per_unit, unit, expected in (
        ("ndpi", 1e4 / 0.2208, "CENTIMETER", 0.2208),
        ("inch", 25400 / 0.65, "INCH", 0.65),
        ("72", 72, "INCH", None),
        ("300", 300, "INCH", None),
        ("none", 1, "NONE", None),
    ):
        path = tmp_path / f"{name}.tif"
        resolution = (per_unit, per_unit)
        tifffile.imwrite(
            path, RGB, photometric="rgb", metadata=None, resolution=resolution, resolutionunit=unit
        )
        found = stated_um_per_pixel(path)
        assert found == (None if expected is None else pytest.approx(expected, rel=1e-5))


def test_imagej_states_a_unit_in_its_description(tmp_path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, RGB[..., 0], imagej=True, resolution=(2, 2), metadata={"unit": "um"})
    assert stated_um_per_pixel(path) == pytest.approx(0.5)


def test_pixels_that_are_not_square_and_damaged_files_state_nothing(tmp_path) -> None:
    path = ome(tmp_path / "a.ome.tif", PhysicalSizeX=0.5, PhysicalSizeY=0.7)
    assert stated_um_per_pixel(path) is None
    (tmp_path / "b.tif").write_bytes(b"II*\0rubbish")
    (tmp_path / "c.png").write_bytes(b"\x89PNG")
    assert stated_um_per_pixel(tmp_path / "b.tif") is None
    assert stated_um_per_pixel(tmp_path / "c.png") is None
    assert stated_um_per_pixel(tmp_path / "none.tif") is None
    whole = ome(tmp_path / "d.ome.tif", PhysicalSizeX=0.5, PhysicalSizeY=0.5).read_bytes()
    (tmp_path / "e.ome.tif").write_bytes(whole.replace(b"<Pixels", b"<Pixel<"))
    assert stated_um_per_pixel(tmp_path / "e.ome.tif") is None


def write_ngff(folder: Path, version: int, scale: float = 0.5, extra: float = 1.0) -> Path:
    """An OME-NGFF image (c, y, x) with two levels; µm of a pixel are `scale * extra`."""
    planes = np.moveaxis(RGB, -1, 0)
    group = zarr.open_group(folder, mode="w", zarr_format=version)
    for name, step in (("0", 1), ("1", 2)):
        group.create_array(name, data=np.ascontiguousarray(planes[:, ::step, ::step]))
    unit = {"type": "space", "unit": "micrometer"}
    image = {
        "axes": [{"name": "c", "type": "channel"}, {"name": "y", **unit}, {"name": "x", **unit}],
        "datasets": [
            {
                "path": name,
                "coordinateTransformations": [
                    {"type": "scale", "scale": [1, s * scale, s * scale]}
                ],
            }
            for name, s in (("0", 1), ("1", 2))
        ],
        "coordinateTransformations": [{"type": "scale", "scale": [1, extra, extra]}],
    }
    group.attrs.update(
        {"ome": {"version": "0.5", "multiscales": [image]}}
        if version == 3
        else {"multiscales": [{**image, "version": "0.4"}]}
    )
    return folder


@pytest.mark.parametrize("version", [2, 3])
def test_ome_ngff_is_opened_with_its_levels_and_size(tmp_path, version: int) -> None:
    folder = write_ngff(tmp_path / "he.ome.zarr", version, 0.25, 2.0)
    levels = open_image(folder)
    assert [level.shape for level in levels] == [(64, 48, 3), (32, 24, 3)]
    np.testing.assert_array_equal(levels[0][5:9, 7:20], RGB[5:9, 7:20])
    assert image_shape(folder) == (64, 48)
    assert stated_um_per_pixel(folder) == pytest.approx(0.5)


def test_a_folder_that_is_no_image_states_nothing(tmp_path) -> None:
    assert stated_um_per_pixel(tmp_path) is None
    (tmp_path / ".zattrs").write_text(json.dumps({"multiscales": [{"datasets": [{"path": "0"}]}]}))
    assert stated_um_per_pixel(tmp_path) is None
    (tmp_path / ".zattrs").write_text("{")
    assert stated_um_per_pixel(tmp_path) is None


@pytest.mark.parametrize(
    ("axes", "shape", "at"),
    [
        ("CYX", (4, 64, 48), np.s_[0]),
        ("ZYX", (5, 64, 48), np.s_[2]),
        ("TCYX", (2, 2, 64, 48), np.s_[0, 0]),
    ],
)
def test_of_several_channels_and_planes_one_is_shown(tmp_path, axes, shape, at) -> None:
    stack = np.random.default_rng(1).integers(0, 255, shape).astype(np.uint8)
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, stack, photometric="minisblack", metadata={"axes": axes})
    (image,) = open_image(path)
    np.testing.assert_array_equal(image[:][..., 0], stack[at])
    np.testing.assert_array_equal(image[3:9, 4], np.repeat(stack[at][3:9, 4, None], 3, -1))


def slide(path: Path, image: Path, **factors: float) -> Path:
    adata = AnnData(
        sparse.csr_matrix(np.ones((4, 2), np.float32)), obs=pd.DataFrame(index=list("abcd"))
    )
    adata.obsm["spatial"] = np.array([[1.0, 2], [30, 4], [5, 40], [20, 20]])
    library = {"images_files": {"fullres": image.name}, "scalefactors": factors, "metadata": {}}
    adata.uns["spatial"] = {"s": library}
    adata.write_h5ad(path)
    return path


def test_a_slide_without_a_size_takes_that_of_its_image(tmp_path) -> None:
    image = ome(tmp_path / "he.ome.tif", PhysicalSizeX=0.5, PhysicalSizeY=0.5)
    adata = read_adata(slide(tmp_path / "s.h5ad", image))
    assert contract.unit(adata) == "px" and contract.um_per_unit(adata) == 0.5
    assert any("0.5 µm" in note for note in adata.uns["spatialrecon"]["notes"])
    shown = histology(adata)
    assert shown is not None and shown.um_per_pixel == 0.5 and not shown.notes


def test_a_slide_and_an_image_that_disagree_are_noted(tmp_path) -> None:
    image = ome(tmp_path / "he.ome.tif", PhysicalSizeX=0.5, PhysicalSizeY=0.5)
    adata = read_adata(slide(tmp_path / "s.h5ad", image, microns_per_pixel=0.25))
    assert contract.um_per_unit(adata) == 0.25
    shown = histology(adata)
    assert shown is not None and shown.um_per_pixel == 0.25
    assert "states 0.5 µm per pixel, the slide 0.25" in shown.notes[0]
    near = read_adata(slide(tmp_path / "n.h5ad", image, microns_per_pixel=0.503))
    assert histology(near).notes == ()
