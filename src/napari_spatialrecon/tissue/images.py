"""The histology of a slide: image pyramid, scale and tissue mask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage
from skimage import color, filters, transform
from skimage.morphology import disk

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue import contract, slots
from napari_spatialrecon.tissue.lazy_image import RgbImage, open_image
from napari_spatialrecon.tissue.pixel_size import stated_um_per_pixel
from napari_spatialrecon.tissue.sdata.inputs import Table, takes_spatialdata
from napari_spatialrecon.tissue.slide_frame import SlideScale

#: Maximum relative difference in shape of two levels that show the same field.
_SHAPE_TOLERANCE = 0.01
#: Relative difference of two sizes of a pixel up to which they agree.
_SIZE_TOLERANCE = 0.02
#: Pieces smaller than this share of the largest piece of tissue are debris.
_DIRT = 0.05


@dataclass(frozen=True, eq=False)
class Histology:
    """An H&E image in the frame of `obsm["spatial"]`.

    Parameters
    ----------
    levels
        Array-likes (y, x, 3) uint8, finest first; read only where they are accessed.
    units_per_pixel
        Frame units per pixel of ``levels[0]``: ``(x, y) = (column, row) * units_per_pixel``.
    name
        Name of the library.
    um_per_unit
        Micrometers per frame unit; None if unknown.
    notes
        Messages about files that could not be used.
    """

    levels: list[Any]
    units_per_pixel: float
    name: str
    um_per_unit: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def um_per_pixel(self) -> float | None:
        """Micrometers per pixel of ``levels[0]``; None if unknown."""
        return None if self.um_per_unit is None else self.units_per_pixel * self.um_per_unit

    def thumbnail(self, longest: int = 512) -> tuple[np.ndarray, float]:
        """Return a small image (y, x, 3) uint8 and its frame units per pixel.

        Parameters
        ----------
        longest
            Maximum number of pixels along the longer side. The image is never enlarged.
        """
        fine_enough = [level for level in self.levels if max(level.shape[:2]) >= longest]
        level = fine_enough[-1] if fine_enough else self.levels[0]
        step = max(1, int(max(level.shape[:2]) // (2 * longest)))
        image = np.asarray(level[::step, ::step])
        factor = max(image.shape[:2]) / longest
        if factor > 1:
            size = [max(1, round(side / factor)) for side in image.shape[:2]]
            image = transform.resize(image, size, anti_aliasing=True, preserve_range=True)
            image = np.clip(np.rint(image), 0, 255).astype(np.uint8)
        return image, self.units_per_pixel * self.levels[0].shape[1] / image.shape[1]


@takes_spatialdata
def histology(adata: Table, folder: str | Path | None = None) -> Histology | None:
    """Return the H&E image of a slide, or None if none can be found.

    Full resolution comes from `metadata["source_image_path"]` or `images_files["fullres"]`, the
    coarser levels from `images["hires"]` and `images["lowres"]` or the files of these names in
    `images_files`, with `scalefactors["tissue_hires_scalef"]`: pixels of that image per
    full-resolution pixel.

    Parameters
    ----------
    adata
        Its `uns["spatial"]` is as Space Ranger, scanpy and squidpy write it.
    folder
        Folder of the files named in `images_files`, that is, of the `.h5ad`. Without it only
        absolute paths are found.

    Raises
    ------
    InputError
        An image or its scale factor exists but cannot be used.

    Examples
    --------
    >>> import napari_spatialrecon as sr
    >>> made = sr.simulate("cortex", preset="tiny")
    >>> image = sr.histology(made.slides[0])
    >>> round(image.um_per_pixel, 1) > 0
    True
    """
    return library_histology(SlideScale.read(adata), folder)


def library_histology(slide: SlideScale, folder: str | Path | None = None) -> Histology | None:
    """Return the H&E image of a slide whose library was read; see `histology`."""
    if slide.library is None:
        return None
    name, content = slide.library
    start = f'uns["{slots.SPATIAL}"]["{name}"]'
    levels: list[RgbImage] = []
    scale = 1.0
    notes: list[str] = []
    for key in ("fullres", "hires", "lowres"):
        candidates = _candidates(content, key, folder, start, notes)
        if not candidates:
            continue
        if not levels:
            scale = 1.0 if key == "fullres" else _scale_factor(content, key, start)
            levels = candidates
            continue
        if _same_field(levels[0], candidates[0]):
            levels += [c for c in candidates if c.shape[0] < 0.9 * levels[-1].shape[0]]
        else:
            notes.append(f"{name}: the {key} image shows a different field and was excluded.")
    if not levels:
        return None
    units = _units_per_fullres_pixel(slide) / scale
    um = _cross_checked(slide, full_resolution_file(content, folder), name, notes)
    return Histology(list(levels), units, name, um, tuple(notes))


def _cross_checked(
    slide: SlideScale, path: Path | None, name: str, notes: list[str]
) -> float | None:
    """Return the µm of a unit: the slide's, else those of the image; note where they disagree."""
    stated = None if path is None else stated_um_per_pixel(path)
    if path is None or stated is None:
        return slide.um_per_unit
    known = slide.um_per_pixel
    if known is None:
        return stated if slide.unit == "px" and slide.um_per_unit is None else slide.um_per_unit
    if abs(known / stated - 1) > _SIZE_TOLERANCE:
        notes.append(
            f"{name}: {path.name} states {stated:.4g} µm per pixel, the slide {known:.4g}; that of "
            "the slide was used."
        )
    return slide.um_per_unit


def full_resolution_file(content: Mapping[str, Any], folder: str | Path | None) -> Path | None:
    """Return the file of a library's full-resolution image, where it names one that exists."""
    named = contract.section(content, "images_files").get("fullres")
    named = contract.section(content, "metadata").get("source_image_path", named)
    if named is None or "fullres" in contract.section(content, "images"):
        return None
    path = Path(str(named))
    path = path if path.is_absolute() or folder is None else Path(folder) / path
    return path if path.exists() else None


def _candidates(
    content: Mapping[str, Any], key: str, folder: str | Path | None, start: str, notes: list[str]
) -> list[RgbImage]:
    image = contract.section(content, "images").get(key)
    if image is not None:
        image = image if hasattr(image, "dask") else np.asarray(image)
        if image.ndim not in (2, 3) or image.dtype.kind not in "buif":
            raise InputError(
                f"Expected an image (y, x) or (y, x, colors), found {image.dtype} of shape "
                f"{image.shape}.",
                where=f'{start}["images"]["{key}"]',
            )
        return [RgbImage(image, "YXS" if image.ndim == 3 else "YX")]
    named = contract.section(content, "images_files").get(key)
    if key == "fullres":
        named = contract.section(content, "metadata").get("source_image_path", named)
    if named is None:
        return []
    path = Path(str(named))
    path = path if path.is_absolute() or folder is None else Path(folder) / path
    if not path.exists():
        notes.append(f"{path.name} ({key} image) does not exist.")
        return []
    return open_image(path)


def _scale_factor(content: Mapping[str, Any], key: str, start: str) -> float:
    name = f"tissue_{key}_scalef"
    slot = f'{start}["scalefactors"]["{name}"]'
    return contract.positive(contract.section(content, "scalefactors").get(name), slot)


def _units_per_fullres_pixel(slide: SlideScale) -> float:
    """Return 1 if the frame is in pixels, else the µm per pixel, since the frame is in µm."""
    if slide.unit != "um":
        return 1.0
    size = slide.um_per_pixel
    if size is None:
        raise InputError(
            "Expected the µm per image pixel, since coordinates are in µm; found none.",
            remedy='Try setting metadata["um_per_fullres_px"] of the library.',
            where=f'uns["{slots.SPATIAL}"]',
        )
    return size


def _same_field(fine: RgbImage, coarse: RgbImage) -> bool:
    ratio = fine.shape[0] / coarse.shape[0], fine.shape[1] / coarse.shape[1]
    return min(ratio) > 1 and abs(ratio[0] / ratio[1] - 1) < _SHAPE_TOLERANCE


def tissue_mask(rgb: np.ndarray) -> np.ndarray:
    """Return where an H&E image shows tissue, (y, x) bool, without debris and holes.

    Tissue is colored (saturation above Otsu's threshold), or half as colored but textured. A
    bright, smooth haze of weak color is eosin that bled onto the glass, and dark frames have no
    color. Intended for thumbnails: more pixels cost time but hardly change the result.

    Parameters
    ----------
    rgb : (y, x, 3) uint8
        With a bright background.
    """
    sigma = max(1.0, max(rgb.shape[:2]) / 250)
    hsv = color.rgb2hsv(np.asarray(rgb))
    value = hsv[..., 2]
    saturation = filters.gaussian(np.where(value < 0.2, 0.0, hsv[..., 1]), sigma)
    brightness = filters.gaussian(value, sigma)
    texture = np.sqrt(np.maximum(filters.gaussian(value**2, sigma) - brightness**2, 0))
    textured = texture > filters.threshold_otsu(texture)
    threshold = filters.threshold_otsu(saturation)
    colored = saturation > threshold
    if not colored.any():
        return colored
    background = ~colored
    strongly = saturation > (threshold + saturation[colored].mean()) / 2
    bright = brightness > 0.95 * np.median(brightness[background])
    colored &= strongly | textured | ~bright
    faintly = saturation > (np.median(saturation[background]) + threshold) / 2
    mask = _pieces_that_touch(colored | (faintly & textured), colored)
    mask = ndimage.binary_opening(mask, disk(round(1.5 * sigma)))
    return ndimage.binary_fill_holes(_without_dirt(mask))


def _pieces_that_touch(mask: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    labels, _ = ndimage.label(mask)
    return np.isin(labels, np.setdiff1d(labels[seeds], [0]))


def _without_dirt(mask: np.ndarray) -> np.ndarray:
    labels, _ = ndimage.label(mask)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return mask & np.isin(labels, np.flatnonzero(sizes >= _DIRT * sizes.max()))
