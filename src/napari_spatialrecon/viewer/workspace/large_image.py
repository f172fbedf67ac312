"""Large images without a pyramid: shown at once from a preview while the pyramid is built.

The pyramid is kept in the user's cache, so that the image opens at once the next time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari_spatialrecon.progress import ProgressCallback, ShouldStop
    from napari_spatialrecon.tissue.images import Histology

LARGE = 4096
"""Longest side, in pixels, up to which an image is shown without a pyramid."""
_COARSEST = 512
_GLASS = 240


class GrowingLevel:
    """One level, an array-like (y, x, 3) uint8: a preview until `source` is set.

    Parameters
    ----------
    shape
        Of the level.
    preview : (y, x, 3) uint8
        A small image of the same field.
    """

    ndim = 3
    dtype = np.dtype(np.uint8)

    def __init__(self, shape: tuple[int, int], preview: np.ndarray) -> None:
        self.shape = (*shape, 3)
        self.size = shape[0] * shape[1] * 3
        self.source: Any = None
        self._preview = preview

    def __getitem__(self, key: Any) -> np.ndarray:
        if self.source is not None:
            return np.asarray(self.source[key])
        key = key if isinstance(key, tuple) else (key,)
        key = key + (slice(None),) * (3 - len(key))
        rows, columns = (
            np.arange(side)[part] * small // side
            for side, small, part in zip(self.shape, self._preview.shape, key[:2], strict=False)
        )
        block = self._preview[np.ix_(np.atleast_1d(rows), np.atleast_1d(columns))]
        one_row, one_column = (0 if np.ndim(part) == 0 else slice(None) for part in (rows, columns))
        return np.asarray(block[one_row, one_column, key[2]])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)


class GrowingPyramid:
    """A large image whose levels show a preview until `fill` is given the real ones.

    Parameters
    ----------
    image
        The finest level, array-like (y, x, 3) uint8.
    preview : (y, x, 3) uint8
        A small image of the same field.
    folder
        Where the pyramid is built.
    """

    def __init__(self, image: Any, preview: np.ndarray, folder: Path) -> None:
        self._image, self._folder = image, folder
        self.levels = [GrowingLevel(shape, preview) for shape in _halvings(image.shape)]

    def build(self, progress: ProgressCallback, should_stop: ShouldStop) -> list[Any]:
        """Build the pyramid and return its levels for `fill`: work for a `Run`."""
        from napari_spatialrecon.progress import Reporter
        from napari_spatialrecon.tissue.pyramid import build_pyramid

        return build_pyramid(self._image, self._folder, Reporter(progress, should_stop))

    def fill(self, levels: Sequence[Any]) -> None:
        """Show the real pixels from now on; layers that show the levels have to be refreshed."""
        for growing, level in zip(self.levels, levels, strict=True):
            growing.source = level


def is_slow(histology: Histology) -> bool:
    """Return whether showing an image would read or decode far more than is visible."""
    finest, coarsest = histology.levels[0], histology.levels[-1]
    decoded_whole = _path(finest) is not None
    return max(finest.shape[:2]) > LARGE and (decoded_whole or max(coarsest.shape[:2]) > LARGE)


def open_large(
    histology: Histology, path: Path | None, *, cache: Path | None = None
) -> list[Any] | GrowingPyramid:
    """Return the levels of a slow image from the cache, or a pyramid that is yet to be built.

    Parameters
    ----------
    path
        The file that names the image; the cached pyramid is used if neither file has changed.
    cache
        Folder of all cached pyramids; default in the user's cache.
    """
    from napari_spatialrecon.errors import InputError
    from napari_spatialrecon.tissue.pyramid import open_pyramid

    folder = _cache_folder(histology, path, cache)
    try:
        return open_pyramid(folder)
    except InputError:
        return GrowingPyramid(histology.levels[0], _preview(histology), folder)


def _halvings(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    height, width = int(shape[0]), int(shape[1])
    shapes = [(height, width)]
    while max(height, width) > _COARSEST and min(height, width) > 1:
        height, width = height // 2, width // 2
        shapes.append((height, width))
    return shapes


def _path(level: Any) -> Path | None:
    """Return the file of a level that has to be decoded whole, such as a JPEG, else None."""
    path = getattr(getattr(level, "source", None), "path", None)
    return path if isinstance(path, Path) else None  # of a tiled image it is a name in its store


def _preview(histology: Histology) -> np.ndarray:
    """Return a small image that is quick to read, else one pixel of the color of glass."""
    coarsest = histology.levels[-1]
    if max(coarsest.shape[:2]) <= LARGE:
        return np.asarray(coarsest)
    path = _path(coarsest)
    if path is not None:
        from PIL import Image

        with Image.open(path) as image:
            if image.format == "JPEG":
                # A JPEG decodes at an eighth of its size in a fraction of the time.
                image.draft("RGB", (image.width // 8, image.height // 8))
                return np.asarray(image.convert("RGB"))
    return np.full((1, 1, 3), _GLASS, np.uint8)


def _cache_folder(histology: Histology, path: Path | None, cache: Path | None) -> Path:
    import platformdirs

    from napari_spatialrecon.provenance import fingerprint

    files = [file for file in (path, _path(histology.levels[0])) if file is not None]
    stats = [file.stat() for file in files if file.exists()]
    marks = [f"{stat.st_mtime_ns} {stat.st_size}" for stat in stats]
    name = fingerprint(*map(str, files), *marks, str(histology.levels[0].shape), histology.name)
    root = cache or Path(platformdirs.user_cache_dir("napari-spatialrecon")) / "pyramids"
    return root / f"{name}.zarr"
