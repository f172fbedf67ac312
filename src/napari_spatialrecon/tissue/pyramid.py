"""Building a pyramid of a large image on disk, for fast display."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import zarr

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.storage import atomic_folder

_BLOCK = 512
_SMALLEST = 512


def build_pyramid(image: Any, folder: str | Path, reporter: Reporter | None = None) -> list[Any]:
    """Write an image and its downsampled levels as zarr; return the levels, finest first.

    Processes bands of 512 rows, so that memory stays small. The folder is written atomically; an
    existing one is replaced.

    Parameters
    ----------
    image
        Array-like (y, x, 3) uint8, for example the finest level of a `Histology`.
    folder
        Folder of the pyramid, for example ``slide.zarr``.
    reporter
        Receives the number of finished bands; may stop the work.

    Returns
    -------
    levels
        Zarr arrays (y, x, 3) uint8; each averages 2 x 2 pixels of the previous one.

    Raises
    ------
    InputError
        The folder cannot be written or the disk is full.
    Stopped
        The user stopped it; no partial folder is left.
    """
    reporter = reporter or Reporter()
    shapes = _shapes(image.shape)
    n_bands = sum(-(-shape[0] // _BLOCK) for shape in shapes)
    reporter.begin("Preparing the image", total=n_bands)
    done = 0
    with atomic_folder(folder) as temporary:
        group = zarr.open_group(temporary, mode="w")
        finer = image
        for number, shape in enumerate(shapes):
            level = group.create_array(
                str(number), shape=shape, chunks=(_BLOCK, _BLOCK, 3), dtype=np.uint8
            )
            for top in range(0, shape[0], _BLOCK):
                reporter.check()
                rows = min(_BLOCK, shape[0] - top)
                if number == 0:
                    level[top : top + rows] = np.asarray(finer[top : top + rows])
                else:
                    level[top : top + rows] = _halved(finer, top, rows, shape[1])
                done += 1
                reporter.step(done)
            finer = level
        group.attrs["levels"] = len(shapes)
    return open_pyramid(folder)


def open_pyramid(folder: str | Path) -> list[Any]:
    """Return the levels that `build_pyramid` wrote, finest first.

    Raises
    ------
    InputError
        The folder does not contain a pyramid.
    """
    try:
        group = zarr.open_group(Path(folder), mode="r")
        return [group[str(number)] for number in range(int(str(group.attrs["levels"])))]
    except (OSError, KeyError, ValueError) as error:
        raise InputError(
            "Expected an image pyramid, found none that is readable.",
            remedy="Try building it again.",
            where=str(folder),
        ) from error


def _shapes(shape: tuple[int, ...]) -> list[tuple[int, int, int]]:
    height, width = int(shape[0]), int(shape[1])
    shapes = [(height, width, 3)]
    while max(height, width) > _SMALLEST and min(height, width) > 1:
        height, width = height // 2, width // 2
        shapes.append((height, width, 3))
    return shapes


def _halved(finer: Any, top: int, rows: int, columns: int) -> np.ndarray:
    block = np.asarray(finer[2 * top : 2 * (top + rows), : 2 * columns])
    mean = block.reshape(rows, 2, columns, 2, 3).mean(axis=(1, 3), dtype=np.float32)
    return np.rint(mean).astype(np.uint8)
