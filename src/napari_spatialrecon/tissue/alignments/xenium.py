"""Alignments of Xenium Explorer: ``keypoints.csv`` and ``matrix.csv``.

Explorer lays an image (H&E, immunofluorescence) on a Xenium run [1]_. Its fixed side is the run's
morphology image, in pixels of the finest level, `PIXEL_UM` µm wide; cells and transcripts of the
run are in µm from the same corner. Its alignment side is the added image, in pixels of *its* finest
level. (x, y) is (column, row), y down, on both sides. The matrix, (3, 3) for columns (x, y, 1),
goes from the added image to the morphology image [2]_.

Here a slide moves onto an image: the run is the slide, and the added image the target. Points keep
their sides, and the matrix is inverted.

References
----------
.. [1] 10x Genomics, Xenium Explorer, "Image alignment": "Download alignment files" writes
   ``keypoints.csv`` and ``matrix.csv``; published data sets name them ``*_imagealignment.csv`` and
   ``*_keypoints.csv``.
.. [2] 10x Genomics, knowledge base, "How can I convert coordinates between H&E image and Xenium
   data?" (article 35386990499853).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from napari_spatialrecon import storage
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.maps.transforms import Transform
from napari_spatialrecon.tissue.alignments.frames import Frames, matrix_of, scaled, transform_of
from napari_spatialrecon.tissue.landmark_pairs import LandmarkPairs, read_pair_columns, refuse

PIXEL_UM = 0.2125
"""Micrometers per pixel of a morphology image, where ``experiment.xenium`` is not at hand."""
KEYPOINTS = ("fixedX", "fixedY", "alignmentX", "alignmentY")
"""Columns of ``keypoints.csv``: a point of the morphology image, and the same of the added one."""
_MANIFEST = "experiment.xenium"


def read_keypoints(path: str | Path, frames: Frames) -> LandmarkPairs:
    """Return the points of a ``keypoints.csv`` as landmark pairs in `frames`.

    Raises
    ------
    InputError
        The file cannot be read, or the scale of the slide is unknown.
    ValidationError
        Lists all problems: missing columns, coordinates that are not numbers.
    """
    _, numbers, problems = read_pair_columns(path, KEYPOINTS, "keypoints of Xenium Explorer")
    refuse(problems, path)
    pixel = frames.slide_pixel(pixel_um(path), Path(path).name)
    enabled = np.ones(len(numbers), bool)
    return LandmarkPairs(numbers[:, :2] * pixel, numbers[:, 2:] * frames.image_pixel, enabled)


def write_keypoints(pairs: LandmarkPairs, path: str | Path, frames: Frames) -> Path:
    """Write the enabled pairs in the form of `read_keypoints`, atomically."""
    path = Path(path)
    pixel = frames.slide_pixel(pixel_um(path), path.name)
    fixed, added = pairs.query[pairs.enabled] / pixel, pairs.ref[pairs.enabled] / frames.image_pixel
    with storage.atomic_file(path) as temporary:
        pd.DataFrame(np.hstack([fixed, added]), columns=list(KEYPOINTS)).to_csv(
            temporary, index=False
        )
    return path


def read_matrix(path: str | Path, frames: Frames) -> Transform:
    """Return the map of a ``matrix.csv``, from the slide to the image, in `frames`.

    Raises
    ------
    InputError
        The file is not a (3, 3) matrix that can be inverted, or the slide's scale is unknown.
    """
    found = _numbers(Path(path))
    if found.shape != (3, 3) or not np.isfinite(found).all() or not found[2, 2]:
        shape = " x ".join(map(str, found.shape))
        raise InputError(
            f"Expected a 3 x 3 matrix of numbers, found {shape} with "
            f"{int(np.isfinite(found).sum())} numbers.",
            remedy="Try the matrix.csv that Xenium Explorer downloads with the alignment.",
            where=str(path),
        )
    found = found / found[2, 2]
    if abs(np.linalg.det(found)) < 1e-12:
        raise InputError(
            "Expected a matrix that can be inverted, found one that maps all to a line.",
            remedy="Try downloading the alignment again.",
            where=str(path),
        )
    pixel = frames.slide_pixel(pixel_um(path), Path(path).name)
    return transform_of(scaled(frames.image_pixel) @ np.linalg.inv(found) @ scaled(1 / pixel))


def write_matrix(transform: Transform, path: str | Path, frames: Frames) -> Path:
    """Write a map in the form of `read_matrix`, atomically.

    Raises
    ------
    InputError
        The map is a spline, or the slide's scale is unknown.
    """
    path = Path(path)
    pixel = frames.slide_pixel(pixel_um(path), path.name)
    forth = matrix_of(transform, "matrix of Xenium Explorer")
    forth = scaled(1 / frames.image_pixel) @ forth @ scaled(pixel)
    back = np.linalg.inv(forth)
    with storage.atomic_file(path) as temporary:
        pd.DataFrame(back / back[2, 2]).to_csv(temporary, index=False, header=False)
    return path


def pixel_um(path: str | Path) -> float:
    """Return the micrometres per pixel of the run beside `path`, else `PIXEL_UM`.

    ``experiment.xenium`` is JSON; its ``pixel_size`` is in µm.
    """
    try:
        manifest = json.loads((Path(path).parent / _MANIFEST).read_text(encoding="utf-8"))
        size = float(manifest["pixel_size"])
    except (OSError, ValueError, TypeError, KeyError):
        return PIXEL_UM
    return size if np.isfinite(size) and size > 0 else PIXEL_UM


def _numbers(path: Path) -> np.ndarray:
    try:
        table = pd.read_csv(path, header=None, encoding="utf-8-sig", skip_blank_lines=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise InputError(
            f"Expected a CSV file of a 3 x 3 matrix, found: {reason}.",
            remedy="Try the matrix.csv that Xenium Explorer downloads with the alignment.",
            where=str(path),
        ) from error
    return table.apply(pd.to_numeric, errors="coerce").to_numpy(float)
