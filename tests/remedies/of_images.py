"""Remedies of images, outlines, spots and their parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
import zarr

from napari_spatialrecon.tissue.downloads import download
from napari_spatialrecon.tissue.images import Histology, histology
from napari_spatialrecon.tissue.lattice import find_lattice
from napari_spatialrecon.tissue.lazy_image import RgbImage, open_image
from napari_spatialrecon.tissue.ngff import open_ngff
from napari_spatialrecon.tissue.outline import start_by_outline
from napari_spatialrecon.tissue.preprocess import fit_features
from napari_spatialrecon.tissue.preprocess_config import PreprocessConfig
from napari_spatialrecon.tissue.pyramid import build_pyramid, open_pyramid
from napari_spatialrecon.tissue.registration import register_images
from napari_spatialrecon.tissue.simulator.config import SimulatorConfig
from napari_spatialrecon.tissue.simulator.simulate import simulate
from napari_spatialrecon.tissue.subspots import parse_factor, split_spots
from remedies.cases import Step, keywords, remedy
from remedies.of_tissue import prepared, table

LIBRARY, PLANES = "tissue/library.py", "tissue/image_planes.py"
MARKS, PAIRS, IMAGE = "tissue/landmarks.py", "tissue/landmark_pairs.py", "tissue/lazy_image.py"
RNG = np.random.default_rng(0)


# Spots and their parts


@remedy(
    "tissue/lattice.py",
    'Try setting scalefactors["spot_diameter_fullres"] of the library, or the option '
    "spot_diameter; single cells cannot be split.",
)
def _no_grid() -> Iterator[Step]:
    from napari_spatialrecon.tasks.super_resolving import super_resolve

    adata = table(40)
    split = {"method": "uniform", "factor": "2x2"}
    yield lambda: super_resolve(adata, **split)
    scaled = table(40, spatial={"A": {"scalefactors": {"spot_diameter_fullres": 20.0}}})
    yield lambda: (
        super_resolve(scaled, **split),
        super_resolve(adata, spot_diameter=20.0, **split),
    )


@remedy("tissue/lattice.py", "Try the diameter in the unit of the coordinates.")
def _wide() -> Iterator[Step]:
    x, y = np.meshgrid(np.arange(6.0) * 100, np.arange(5.0) * 100)
    grid = np.c_[x.ravel(), y.ravel()]
    yield lambda: find_lattice(grid, 5500.0)
    yield lambda: find_lattice(grid, 55.0)


SUBSPOTS = "tissue/subspots.py"


@remedy(SUBSPOTS, "Try {}.")
def _factor() -> Iterator[Step]:
    said = yield lambda: parse_factor("half")
    yield lambda: parse_factor(keywords(str(said))["factor"])


@remedy(SUBSPOTS, "Try 2x2: four parts of each spot.")
def _splits_nothing() -> Iterator[Step]:
    said = yield lambda: parse_factor("1x1")
    yield lambda: parse_factor(str(said)[4:].partition(":")[0])


@remedy(SUBSPOTS, "Try 2x2 or 3x3; the counts do not support more.")
def _too_many() -> Iterator[Step]:
    yield lambda: parse_factor("20x20")
    yield lambda: [parse_factor(factor) for factor in ("2x2", "3x3")]


@remedy(SUBSPOTS, "Try {}, or {}.")
def _round() -> Iterator[Step]:
    x, y = np.meshgrid(np.arange(6.0) * 100, np.arange(5.0) * 100)
    grid = np.c_[x.ravel(), y.ravel()]
    said = yield lambda: split_spots(find_lattice(grid), parse_factor("7"))
    factor = keywords(str(said).partition(",")[0])["factor"]
    yield lambda: (
        split_spots(find_lattice(grid), parse_factor(factor)),
        split_spots(find_lattice(grid, 55.0), parse_factor("7")),
    )


# Images


def stained(side: int = 200) -> np.ndarray:
    """A bright slide with a purple blob."""
    y, x = np.mgrid[:side, :side]
    image = np.full((side, side, 3), 240, np.uint8)
    blob = ((x - side / 2) / 1.3) ** 2 + (y - side / 2) ** 2 < (side / 4) ** 2
    image[blob] = [150, 60, 140]
    return image


def picture(image: np.ndarray) -> Histology:
    return Histology([RgbImage(image)], 1.0, "H&E", 1.0)


GREY = np.full((200, 200, 3), 240, np.uint8)


@remedy("tissue/images.py", 'Try setting metadata["um_per_fullres_px"] of the library.')
def _um_image() -> Iterator[Step]:
    library = {"images": {"hires": stained()}, "scalefactors": {"tissue_hires_scalef": 0.5}}
    adata = table(spatial={"A": library}, spatialrecon={"unit": "um"})
    yield lambda: histology(adata)
    library["metadata"] = {"um_per_fullres_px": 0.5}
    yield lambda: histology(adata)


@remedy(IMAGE, "Try an H&E image, or export three channels as RGB.")
def _channels() -> Iterator[Step]:
    many = np.zeros((20, 20, 7), np.uint8)
    yield lambda: RgbImage(many)
    yield lambda: (RgbImage(many[..., :3]), RgbImage(stained()))


@remedy(IMAGE, "Try copying it again, or saving it as TIFF, JPEG or PNG.")
def _damaged_image(tmp_path: Path) -> Iterator[Step]:
    from skimage.io import imsave

    for suffix in ("tif", "jpg", "png"):
        imsave(tmp_path / f"good.{suffix}", stained(), check_contrast=False)
    bad = tmp_path / "bad.png"
    bad.write_bytes((tmp_path / "good.png").read_bytes()[:100])
    yield lambda: [np.asarray(level[:]) for level in open_image(bad)]
    yield lambda: [
        np.asarray(open_image(tmp_path / f"good.{suffix}")[0][:])
        for suffix in ("tif", "jpg", "png")
    ]


@remedy(
    IMAGE,
    "Try a tiled TIFF (for example: vips tiffsave in.jpg out.tif --tile --pyramid), which is read "
    "in blocks.",
)
def _huge(tmp_path: Path, monkeypatch: object) -> Iterator[Step]:
    from PIL import Image
    from skimage.io import imsave

    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # type: ignore[attr-defined]
    imsave(tmp_path / "in.png", stained(), check_contrast=False)
    tifffile.imwrite(tmp_path / "out.tif", stained(), tile=(64, 64), photometric="rgb")
    yield lambda: open_image(tmp_path / "in.png")
    yield lambda: open_image(tmp_path / "out.tif")[0][:10, :10]


@remedy(PLANES, "Try exporting one plane as RGB.")
def _stack(tmp_path: Path) -> Iterator[Step]:
    from napari_spatialrecon.tissue.image_planes import flat_plane

    yield lambda: flat_plane(np.zeros((5, 64), np.uint8), "ZX")
    yield lambda: flat_plane(stained(64), "YXS")


NGFF = "tissue/ngff.py"


def ngff(folder: Path, axes: str, shape: tuple[int, ...]) -> Path:
    group = zarr.open_group(folder, mode="w")
    group.create_array("0", shape=shape, dtype="u1")
    multiscale = {
        "axes": [{"name": a} for a in axes],
        "datasets": [{"path": "0"}],
        "version": "0.4",
    }
    group.attrs["multiscales"] = [multiscale]
    return folder


@remedy(NGFF, "Try copying the folder again, or saving the image as TIFF.")
def _damaged_ngff(tmp_path: Path) -> Iterator[Step]:
    bad = ngff(tmp_path / "bad.zarr", "cyx", (3, 20, 20))
    for part in (bad / "0").glob("*"):
        part.unlink()
    good = ngff(tmp_path / "good.zarr", "cyx", (3, 20, 20))
    tifffile.imwrite(tmp_path / "good.tif", stained(20), photometric="rgb")
    yield lambda: open_ngff(bad)
    yield lambda: (open_ngff(good), open_image(tmp_path / "good.tif"))


@remedy(NGFF, "Try exporting one plane as RGB.")
def _ngff_stack(tmp_path: Path) -> Iterator[Step]:
    bad = ngff(tmp_path / "z.zarr", "czyx", (3, 5, 20, 20))
    good = ngff(tmp_path / "plane.zarr", "cyx", (3, 20, 20))
    yield lambda: open_ngff(bad)
    yield lambda: open_ngff(good)


@remedy("tissue/pyramid.py", "Try building it again.")
def _pyramid(tmp_path: Path) -> Iterator[Step]:
    yield lambda: open_pyramid(tmp_path / "nothing")
    folder = tmp_path / "pyramid"
    yield lambda: (build_pyramid(RgbImage(stained()), folder), open_pyramid(folder))


def by_landmarks() -> None:
    from napari_spatialrecon.tasks.aligning import align_by_landmarks

    corners = np.array([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0]])
    align_by_landmarks(table(), corners, corners)


@remedy("tissue/outline.py", "Try landmark pairs instead.")
def _outline() -> Iterator[Step]:
    def refused() -> None:
        import pytest

        from napari_spatialrecon.errors import InputError

        with pytest.raises(InputError, match="at least 4 spots"):
            start_by_outline(np.zeros((3, 2)), picture(stained()))
        start_by_outline(table().obsm["spatial"], picture(GREY))

    yield refused
    yield by_landmarks


@remedy("tissue/registration.py", "Try landmarks instead.")
def _register() -> Iterator[Step]:
    yield lambda: register_images(picture(GREY), picture(stained()))
    yield by_landmarks


@remedy("tissue/preprocess.py", "Try training on these genes instead of loading the model.")
def _other_genes() -> Iterator[Step]:
    slide, other = table(60, 30), table(60, 30)
    other.var_names = [f"Other{i}" for i in range(30)]
    space, *_ = fit_features([prepared(slide)], None, PreprocessConfig())
    yield lambda: space.transform(prepared(other))
    yield lambda: fit_features([prepared(other)], None, PreprocessConfig())[0].transform(
        prepared(other)
    )


@remedy(
    "tissue/simulator/simulate.py", "Try a larger size, a higher cell_density or fewer n_cells."
)
def _simulator() -> Iterator[Step]:
    tiny = SimulatorConfig.preset("tiny")
    many = tiny.with_values({"n_cells": 20_000})
    yield lambda: simulate("cortex", many, seed=0)
    yield lambda: simulate("cortex", tiny, seed=0)


@remedy(
    "tissue/downloads.py",
    "Try again with a connection to the web, or give the folder of a copy as {}.",
)
def _unreachable(published: Path, tmp_path: Path) -> Iterator[Step]:
    yield lambda: download("mine", tmp_path / "here")
    yield lambda: download("mine", tmp_path / "here", source=str(published))


@remedy(
    "tissue/downloads.py", "Try again: the download may have been cut short or changed on its way."
)
def _cut_short(published: Path, tmp_path: Path) -> Iterator[Step]:
    whole = (published / "A.jpg").read_bytes()
    (published / "A.jpg").write_bytes(whole[:100])
    yield lambda: download("mine", tmp_path / "here", source=str(published))
    (published / "A.jpg").write_bytes(whole)
    yield lambda: download("mine", tmp_path / "here", source=str(published))


@remedy("tissue/downloads.py", "Try {}.")
def _unknown_data(published: Path, tmp_path: Path) -> Iterator[Step]:
    said = str((yield lambda: download("his", tmp_path, source=str(published))))
    name = said.removeprefix("Try ").strip("'.")
    yield lambda: download(name, tmp_path, source=str(published))
