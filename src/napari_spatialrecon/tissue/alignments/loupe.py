"""Manual alignments of Loupe Browser: the JSON that Space Ranger takes as ``--loupe-alignment``.

10x Genomics does not document the file; what is read here is what two other programs read or write
[1]_ [2]_. ``oligo`` lists the spots under tissue: ``row`` and ``col`` are the array's (those of
``array_row`` and ``array_col``, from 0), ``imageX`` and ``imageY`` the spot's centre in
full-resolution pixels of the aligned image, (column, row). Of a CytAssist slide these are pixels of
the CytAssist image, and ``cytAssistInfo.transformImages`` is the (3, 3) matrix, row by row, from
the microscope image to it. The spots tell everything: ``transform`` and ``fiducial`` are not read.

References
----------
.. [1] github.com/mahmoodlab/HEST, ``_alignment_file_to_df``.
.. [2] SpoTter, whose ``.json`` Space Ranger reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from napari_spatialrecon import storage
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.maps.transforms import Transform, fit_transform, residuals
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.alignments.frames import Frames, transform_of

_ARRAY = ("array_row", "array_col")
#: A simpler model is chosen if its error is within this of the best, in pixels: positions in the
#: file may be rounded.
_PIXELS = 0.51
_LEAST = 4
_EXPORTED = 'Try the .json that Loupe Browser exports under "Fiducial alignment".'


def read_loupe(path: str | Path, adata: AnnData, frames: Frames) -> Transform:
    """Return the map that brings the spots of a slide to where the file has them.

    Parameters
    ----------
    adata
        The slide; its ``obs["array_row"]`` and ``obs["array_col"]`` name the spots.
    frames
        Of the slide and the aligned image.

    Raises
    ------
    InputError
        The file is not such an alignment, or the slide does not say which spot is which.
    """
    path = Path(path)
    spots = _spots(path)
    grid = _grid(adata)
    rows = pd.MultiIndex.from_arrays(grid.T).get_indexer(
        pd.MultiIndex.from_arrays([spots["row"], spots["col"]])
    )
    shared = rows >= 0
    if shared.sum() < _LEAST:
        raise InputError(
            f"Expected the spots of this slide, found {int(shared.sum())} of {len(spots)} in it.",
            remedy="Try the alignment of the slide's own capture area.",
            where=str(path),
        )
    here = contract.coordinates(adata)[rows[shared]]
    there = spots.loc[shared, ["imageX", "imageY"]].to_numpy(float) * frames.image_pixel
    close = _PIXELS * frames.image_pixel
    for model in ("similarity", "affine"):
        found = fit_transform(here, there, model)
        if residuals(found, here, there).max() <= close:
            return found
    return fit_transform(here, there, "projective")


def write_loupe(transform: Transform, path: str | Path, adata: AnnData, frames: Frames) -> Path:
    """Write where a map brings the spots of a slide, in the form of `read_loupe`, atomically.

    Space Ranger asks besides for the serial number, the checksum and the fiducials of the slide,
    which only Loupe Browser knows.
    """
    grid = _grid(adata)
    image = transform.apply(contract.coordinates(adata)) / frames.image_pixel
    spots = [
        {"row": int(row), "col": int(col), "imageX": float(x), "imageY": float(y), "tissue": True}
        for (row, col), (x, y) in zip(grid, image, strict=True)
    ]
    storage.write_json(path, {"oligo": spots})
    return Path(path)


def is_loupe(content: Any) -> bool:
    """Return whether the content of a JSON file has the form of `read_loupe`."""
    return isinstance(content, Mapping) and "oligo" in content


def _spots(path: Path) -> pd.DataFrame:
    """Return ``row``, ``col``, ``imageX``, ``imageY`` of the file's spots, in image pixels."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or "not valid JSON"
        raise InputError(
            f"Expected an alignment of Loupe Browser, found: {reason}.",
            remedy=_EXPORTED,
            where=str(path),
        ) from error
    names = ["row", "col", "imageX", "imageY"]
    listed = content["oligo"] if is_loupe(content) else []
    if not (isinstance(listed, list) and all(isinstance(one, Mapping) for one in listed)):
        listed = []
    spots = pd.DataFrame(listed)
    if not set(names) <= set(spots):
        raise InputError(
            'Expected the spots under "oligo" with row, col, imageX and imageY, found '
            f"{', '.join(map(str, spots)) or 'none'}.",
            remedy=_EXPORTED,
            where=str(path),
        )
    spots = spots[names].apply(pd.to_numeric, errors="coerce").dropna().reset_index(drop=True)
    info = content.get("cytAssistInfo")
    if isinstance(info, Mapping) and "transformImages" in info:
        seen = spots[["imageX", "imageY"]].to_numpy(float)
        try:
            to_cytassist = np.asarray(info["transformImages"], float).reshape(3, 3)
            back = np.linalg.inv(to_cytassist)
        except (TypeError, ValueError, np.linalg.LinAlgError) as error:
            raise InputError(
                "Expected the map of a CytAssist image as 3 x 3 numbers, found another.",
                remedy=_EXPORTED,
                where=str(path),
            ) from error
        spots[["imageX", "imageY"]] = transform_of(back).apply(seen)
    return spots


def _grid(adata: AnnData) -> np.ndarray:
    """Return row and column of each spot in the array, (n, 2)."""
    if not set(_ARRAY) <= set(adata.obs):
        raise InputError(
            f"Expected the columns {' and '.join(_ARRAY)} of Visium spots, found "
            f"{', '.join(map(str, adata.obs.columns[:8])) or 'none'}.",
            remedy="Try opening the slide from its Space Ranger folder.",
            where="obs",
        )
    return adata.obs[list(_ARRAY)].to_numpy(float).astype(int)
