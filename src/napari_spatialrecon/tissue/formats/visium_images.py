"""Images and scale factors of a Space Ranger run, and whether they fit each other."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from skimage.io import imread

from napari_spatialrecon.errors import InputError, Problem
from napari_spatialrecon.tissue.formats.image_fit import misfits
from napari_spatialrecon.tissue.formats.visium_files import SCALE_FACTORS, Run, content
from napari_spatialrecon.tissue.lazy_image import image_shape

_FULL_RESOLUTION = (".tif", ".tiff", ".btf", ".svs", ".ndpi", ".jpg", ".jpeg")
#: Tolerance of the size of a full-resolution image, relative to what the scale factor says.
_SIZE_TOLERANCE = 0.01
_AGAIN = "Try copying the image from the run again; without it, the slide is read as well."

Images = Mapping[str, np.ndarray]


def read_images(run: Run, notes: list[str]) -> dict[str, np.ndarray]:
    """Return the hires and lowres images, (y, x, channels); `notes` says what is missing."""
    images = {}
    for key in ("hires", "lowres"):
        path = run.files.get(key)
        if path is None:
            notes.append(f"tissue_{key}_image.png is missing from {run.folder}.")
            continue
        try:
            images[key] = np.atleast_3d(imread(BytesIO(content(path))))
        except (OSError, EOFError, ValueError, SyntaxError):
            notes.append(f"{path.name} cannot be read: it seems damaged.")
            continue
        if images[key].size and images[key].min() == images[key].max():
            notes.append(f"{path.name} is blank.")
    return images


def read_factors(run: Run, images: Images) -> dict[str, float]:
    """Return the scale factors.

    Raises
    ------
    InputError
        They are missing, cannot be parsed, or lack one of an image.
    """
    path = run.files.get("factors")
    if path is None:
        folder = run.files.get("positions", run.folder).parent
        listed = ", ".join(sorted(p.name for p in folder.iterdir())[:10])
        raise InputError(
            f"Expected {SCALE_FACTORS}, found only {listed}.",
            remedy="Try copying it from the run; without it, spots and image have no common scale.",
            where=str(folder),
        )
    try:
        stated = json.loads(content(path))
    except (OSError, EOFError, ValueError) as error:
        raise InputError(
            "Expected scale factors as JSON, found a file that cannot be parsed.",
            remedy="Try copying it from the run again.",
            where=str(path),
        ) from error
    needed = ["spot_diameter_fullres", *(f"tissue_{key}_scalef" for key in images)]
    if isinstance(stated, dict) and "microns_per_pixel" in stated:
        needed.remove("spot_diameter_fullres")
    wrong = [key for key in needed if not _positive(stated, key)]
    if wrong:
        raise InputError(
            f"Expected positive numbers for {', '.join(needed)}; found none for "
            f"{', '.join(wrong)}.",
            remedy="Try copying the file from the run again.",
            where=str(path),
        )
    return {str(key): value for key, value in stated.items() if isinstance(value, int | float)}


def _positive(stated: Any, key: str) -> bool:
    value = stated.get(key) if isinstance(stated, dict) else None
    return isinstance(value, int | float) and math.isfinite(value) and value > 0


def full_size(images: Images, factors: Mapping[str, float]) -> np.ndarray | None:
    """Return (height, width) of the full-resolution image by the finest image, or None."""
    key = next((key for key in ("hires", "lowres") if key in images), None)
    if key is None:
        return None
    return np.array(images[key].shape[:2]) / factors[f"tissue_{key}_scalef"]


def size_problems(
    run: Run, images: Images, factors: Mapping[str, float], xy: np.ndarray
) -> list[Problem]:
    """Return which images do not fit their scale factors: spots lie outside, or two disagree.

    Parameters
    ----------
    xy : (n, 2) float, places of spots in full-resolution pixels
    """
    shapes = {key: image.shape for key, image in images.items()}
    return [
        Problem(str(run.files[key]), message, _AGAIN)
        for key, message in misfits(shapes, factors, xy).items()
    ]


def find_source(run: Run, expected: np.ndarray | None, given: str | Path | None) -> Path | None:
    """Return the full-resolution image: the given one, else one of the expected size.

    Raises
    ------
    InputError
        The given image has another size.
    """
    if given is not None:
        path = Path(given)
        if expected is not None and not _fits(image_shape(path), expected):
            height, width = image_shape(path)
            raise InputError(
                f"Expected a full-resolution image of about {expected[1]:.0f} x {expected[0]:.0f} "
                f"pixels, found {width} x {height}.",
                remedy="Try the image that Space Ranger was given.",
                where=str(path),
            )
        return path
    if expected is None:
        return None
    beside = [run.folder, run.folder.parent]
    if "positions" in run.files:
        beside.append(run.files["positions"].parent)
    if run.folder.parent.name == "binned_outputs":
        beside += [run.folder.parents[1], run.folder.parents[1] / "spatial"]
    for folder in dict.fromkeys(beside):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.suffix.lower() in _FULL_RESOLUTION and _has_size(path, expected):
                return path
    return None


def _fits(shape: tuple[int, int], expected: np.ndarray) -> bool:
    return bool(np.all(np.abs(np.array(shape) / expected - 1) < _SIZE_TOLERANCE))


def _has_size(path: Path, expected: np.ndarray) -> bool:
    try:
        return _fits(image_shape(path), expected)
    except InputError:
        return False
