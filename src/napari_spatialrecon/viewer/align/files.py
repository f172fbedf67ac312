"""Align to histology: pairs and maps in files, ours and those of other tools."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.align.layers import (
    AlignSession,
    Frames,
    frames_of,
    image_table,
    layer_table,
)
from napari_spatialrecon.viewer.align.model import Pair

if TYPE_CHECKING:
    from napari_spatialrecon.geometry.maps.transforms import Transform
    from napari_spatialrecon.tasks.aligning import AlignResult
    from napari_spatialrecon.tissue.landmark_pairs import LandmarkPairs
    from napari_spatialrecon.viewer.workspace.workspace import Workspace

OPENED = "Alignments (*.csv *.json *.zarr zarr.json);;All files (*)"
"""What the dialog of Open shows; a SpatialData store is opened by the zarr.json in it."""
SAVED = {
    "Landmark pairs, µm (*.csv)": "pairs",
    "Xenium Explorer: keypoints (*.csv)": "keypoints",
    "Xenium Explorer: matrix (*.csv)": "matrix",
    "Loupe Browser: alignment (*.json)": "loupe",
    "SpatialData: landmarks (*.zarr)": "spatialdata",
}
"""Forms that the dialog of Save offers."""


def open_alignment(
    space: Workspace, session: AlignSession, path: str | Path, elements: str | None = None
) -> None:
    """Replace the session's pairs, or its map, by those of a file.

    Parameters
    ----------
    elements
        Points of a SpatialData store: the slide's, a comma, the image's.

    Raises
    ------
    ChoiceError
        The store holds other points, and none were named.
    InputError
        The file is no alignment, or the scale that it needs is unknown.
    """
    from napari_spatialrecon.geometry.maps.transforms import Transform
    from napari_spatialrecon.tissue.alignments.forms import read_alignment, sniff_form
    from napari_spatialrecon.tissue.landmark_pairs import read_pairs

    if sniff_form(path) == "pairs":
        pairs, um = read_pairs(path), session.um or 1.0
        ours, theirs = session.origins
        session.model.set_pairs(
            _paired(pairs, lambda xy: xy / um + ours, lambda xy: xy / um + theirs)
        )
        return
    adata, ref = layer_table(space, session), image_table(space, session)
    named = {"elements": elements} if elements else {}
    found = read_alignment(path, adata, ref, **named)
    frames = frames_of(adata, adata if ref is None else ref, session)
    to_world = Transform("affine", frames.from_table)
    from_ref = Transform("affine", np.linalg.inv(frames.to_ref))
    if isinstance(found, Transform):
        session.model.start(_in_world(found, frames))
    else:
        session.model.set_pairs(_paired(found, to_world.apply, from_ref.apply))


def save_alignment(
    session: AlignSession, result: Callable[[], AlignResult], path: str | Path, form: str
) -> None:
    """Write the session's alignment in a form of `SAVED`: ours in µm, each from its own origin.

    Parameters
    ----------
    result
        Makes the aligned table, which the other forms need.
    """
    from napari_spatialrecon.tasks.alignment_files import write_alignment
    from napari_spatialrecon.tissue.landmark_pairs import LandmarkPairs, write_pairs

    if form != "pairs":
        write_alignment(result().adata, path, form=form)  # type: ignore[arg-type]
        return
    um, pairs = session.um or 1.0, session.model.pairs
    if not pairs:
        raise InputError(
            "Expected landmark pairs to save, found none.",
            remedy="Try setting some, or saving a matrix.",
        )
    query, ref = (
        (np.array([getattr(pair, side) for pair in pairs], float) - origin) * um
        for side, origin in zip(("query", "ref"), session.origins, strict=True)
    )
    write_pairs(LandmarkPairs(query, ref, np.array([p.enabled for p in pairs])), path)


def _paired(
    pairs: LandmarkPairs,
    query: Callable[[np.ndarray], np.ndarray],
    ref: Callable[[np.ndarray], np.ndarray],
) -> tuple[Pair, ...]:
    """Return pairs of the model, whose two sides go through these functions."""
    sides = zip(query(pairs.query), ref(pairs.ref), pairs.enabled, strict=True)
    return tuple(Pair((*q,), (*r,), bool(on)) for q, r, on in sides)


def _in_world(transform: Transform, frames: Frames) -> Transform:
    """Return a map from the table's frame to the image's as one within the world."""
    from napari_spatialrecon.geometry.maps.transforms import Transform

    matrix = np.linalg.inv(frames.to_ref) @ transform.matrix @ np.linalg.inv(frames.from_table)
    return Transform(transform.model, matrix / matrix[2, 2])
