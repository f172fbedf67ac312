"""Image files as arrays (y, x, 3) uint8, read only where they are accessed."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr
from PIL import Image
from skimage.io import imread

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.image_planes import flat_plane
from napari_spatialrecon.tissue.tiff_directories import is_endless

_TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
#: Side of the block used to estimate the brightness of a 16-bit image.
_SAMPLE = 1024

#: What tifffile and zarr raise of a file that is damaged.
_DAMAGED = (
    ValueError,
    OSError,
    TypeError,
    KeyError,
    IndexError,
    ArithmeticError,
    RuntimeError,
    struct.error,
)


class RgbImage:
    """Any image as RGB: an array-like (y, x, 3) uint8 that converts only the requested part.

    Grey is repeated in all channels, transparent becomes white, and more than 8 bits are scaled.

    Parameters
    ----------
    source
        Array-like with axes `axes`.
    axes
        "YX", "YXS" or "SYX" (S: 1 to 4 samples).
    top
        Value shown as 255; if None, it is estimated from a block in the middle.
    """

    ndim = 3
    dtype = np.dtype(np.uint8)

    def __init__(self, source: Any, axes: str = "YXS", top: float | None = None) -> None:
        self.source, self.axes = source, axes
        samples = source.shape[axes.index("S")] if "S" in axes else 1
        if samples > 4:
            raise InputError(
                f"Expected a gray or color image, found {samples} channels.",
                remedy="Try an H&E image, or export three channels as RGB.",
            )
        y, x = axes.index("Y"), axes.index("X")
        self.shape = (int(source.shape[y]), int(source.shape[x]), 3)
        self.top = _brightest(self) if top is None else top

    @property
    def size(self) -> int:
        """Number of values; napari needs it to show an array."""
        return self.shape[0] * self.shape[1] * self.shape[2]

    def __getitem__(self, key: Any) -> np.ndarray:
        key = key if isinstance(key, tuple) else (key,)
        if Ellipsis in key:
            at = key.index(Ellipsis)
            key = key[:at] + (slice(None),) * (4 - len(key)) + key[at + 1 :]
        key = key + (slice(None),) * (3 - len(key))
        block = to_rgb(self.raw(_as_slice(key[0]), _as_slice(key[1])), self.top)
        rows, columns = (0 if _is_whole(k) else slice(None) for k in key[:2])
        return block[rows, columns, key[2]]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)

    def raw(self, rows: slice, columns: slice) -> np.ndarray:
        """Return a block as stored, (y, x) or (y, x, samples)."""
        try:
            if self.axes == "SYX":
                return np.moveaxis(np.asarray(self.source[:, rows, columns]), 0, -1)
            return np.asarray(self.source[rows, columns])
        except (
            KeyError,
            RuntimeError,
            OSError,
        ) as error:  # of a damaged block
            raise _damaged("") from error


def _is_whole(key: Any) -> bool:
    return isinstance(key, int | np.integer)


def _as_slice(key: Any) -> slice:
    if _is_whole(key):
        return slice(int(key), int(key) + 1 or None)
    return slice(*key.indices(2**62)) if key == slice(None) else key


def _brightest(image: RgbImage) -> float:
    if image.source.dtype == np.uint8:
        return 255.0
    if image.source.dtype == bool:
        return 1.0
    starts = [max(0, size // 2 - _SAMPLE // 2) for size in image.shape[:2]]
    block = image.raw(*(slice(start, start + _SAMPLE) for start in starts))
    highest = float(np.nanmax(block)) if block.size else 1.0
    if image.source.dtype.kind == "f":
        return 1.0 if highest <= 1 else 255.0
    return float(max(255, 2 ** int(np.ceil(np.log2(highest + 1))) - 1))


def to_rgb(block: np.ndarray, top: float = 255.0) -> np.ndarray:
    """Return `block`, (y, x) or (y, x, 1 to 4 samples), as (y, x, 3) uint8 with `top` as 255."""
    block = block[..., None] if block.ndim == 2 else block
    if block.dtype != np.uint8:
        scaled = np.nan_to_num(block.astype(np.float32)) * (255.0 / top)
        block = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    if block.shape[-1] in (2, 4):
        alpha = block[..., -1:].astype(np.float32) / 255
        block = np.rint(block[..., :-1] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    return np.repeat(block, 3, axis=-1) if block.shape[-1] == 1 else block


class _DecodedImage:
    """A JPEG or PNG image, decoded as a whole on first access, since it has no blocks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with _opened(path) as image:
            width, height = image.size
            bands = len(image.getbands())
            deep = image.mode.startswith("I")
            self.dtype = np.dtype(bool if image.mode == "1" else np.uint16 if deep else np.uint8)
            if image.mode == "P":
                bands = np.asarray(self._pixels).shape[-1]
        self.shape = (height, width) if bands == 1 else (height, width, bands)

    @cached_property
    def _pixels(self) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            try:
                return np.asarray(imread(self.path))
            except (OSError, ValueError, SyntaxError) as error:
                raise _damaged(self.path) from error

    def __getitem__(self, key: Any) -> np.ndarray:
        return self._pixels[key]


def _damaged(path: Path | str) -> InputError:
    return InputError(
        "Expected an image, found a file that cannot be read as one.",
        remedy="Try copying it again, or saving it as TIFF, JPEG or PNG.",
        where=str(path),
    )


def _opened(path: Path) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(path)
    except Image.DecompressionBombError as error:
        raise InputError(
            "Expected an image small enough to decode as a whole, found too many pixels.",
            remedy="Try a tiled TIFF (for example: vips tiffsave in.jpg out.tif --tile "
            "--pyramid), which is read in blocks.",
            where=str(path),
        ) from error
    except FileNotFoundError as error:
        raise InputError("Expected an image, found no such file.", where=str(path)) from error
    except (OSError, SyntaxError) as error:
        raise _damaged(path) from error


def _is_tiff(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(4) in _TIFF_SIGNATURES
    except OSError as error:
        raise InputError(
            f"Expected an image that can be opened, found: {error.strerror}.", where=str(path)
        ) from error


def _largest_series(tiff: tifffile.TiffFile) -> tuple[int, str, int]:
    """Return (index, axes, number of levels) of a TIFF's largest image: not label or macro."""
    series = list(tiff.series)
    largest = max(range(len(series)), key=lambda i: int(np.prod(series[i].shape)))
    return largest, series[largest].axes, len(series[largest].levels)


def image_shape(path: str | Path) -> tuple[int, int]:
    """Return (height, width) in pixels of an image file or OME-NGFF folder, from its header.

    Raises
    ------
    InputError
        The file is not a readable image.
    """
    path = Path(path)
    if path.is_dir():
        height, width, _ = open_image(path)[0].shape
        return height, width
    if not _is_tiff(path):
        with _opened(path) as image:
            return image.size[1], image.size[0]
    if is_endless(path):
        raise _damaged(path)
    try:
        with tifffile.TiffFile(path) as tiff:
            index, axes, _ = _largest_series(tiff)
            shape = tiff.series[index].shape
            return int(shape[axes.index("Y")]), int(shape[axes.index("X")])
    except InputError:
        raise
    except (tifffile.TiffFileError, *_DAMAGED) as error:
        raise _damaged(path) from error


def open_image(path: str | Path) -> list[RgbImage]:
    """Return the levels of an image file, finest first, without reading its pixels.

    TIFF-based formats (OME-TIFF, SVS, NDPI) and OME-NGFF folders are read block by block, with the
    levels they contain; JPEG and PNG have one level, decoded as a whole on first access.

    Raises
    ------
    InputError
        The file is not an image that can be read here.
    """
    path = Path(path)
    if path.is_dir():
        from napari_spatialrecon.tissue.ngff import open_ngff

        return open_ngff(path)
    if not _is_tiff(path):
        decoded = _DecodedImage(path)
        return [RgbImage(decoded, "YXS" if len(decoded.shape) == 3 else "YX")]
    if is_endless(path):
        raise _damaged(path)
    try:
        with tifffile.TiffFile(path) as tiff:
            index, axes, n_levels = _largest_series(tiff)
        stores = [
            tifffile.imread(path, aszarr=True, series=index, level=level)
            for level in range(n_levels)
        ]
        sources = [zarr.open_array(store, mode="r") for store in stores]
    except InputError:
        raise
    except (tifffile.TiffFileError, *_DAMAGED) as error:
        raise _damaged(path) from error
    return _shown(sources, axes, path)


def _shown(sources: Sequence[Any], axes: str, path: Path) -> list[RgbImage]:
    try:
        planes, flat = zip(*(flat_plane(source, axes) for source in sources), strict=True)
    except InputError as error:
        problem = error.problem
        raise InputError(problem.message, remedy=problem.remedy, where=str(path)) from error
    return _checked_levels(list(planes), flat[0], path)


def _checked_levels(sources: list[Any], axes: str, path: Path) -> list[RgbImage]:
    try:
        coarsest = RgbImage(sources[-1], axes)
        coarsest[:1, :1]
    except InputError as error:
        problem = error.problem
        raise InputError(problem.message, remedy=problem.remedy, where=str(path)) from error
    except _DAMAGED as error:
        if "imagecodecs" not in str(error):
            raise _damaged(path) from error
        raise InputError(
            "Expected decodable pixels, found a compression that needs imagecodecs.",
            remedy="Try pip install imagecodecs.",
            where=str(path),
        ) from error
    return [RgbImage(source, axes, coarsest.top) for source in sources[:-1]] + [coarsest]
