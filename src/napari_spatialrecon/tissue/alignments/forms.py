"""The forms of alignment files: told apart by content, read and written in the same frames."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from anndata import AnnData

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.geometry.maps.transforms import Transform
from napari_spatialrecon.tissue.alignments import loupe, spatialdata_landmarks, xenium
from napari_spatialrecon.tissue.alignments.frames import Frames
from napari_spatialrecon.tissue.landmark_pairs import LandmarkPairs, read_pairs, write_pairs

Form = Literal["pairs", "keypoints", "matrix", "loupe", "spatialdata"]
"""Ours; points and matrix of Xenium Explorer; Loupe Browser; points elements of SpatialData."""
FORMS: tuple[Form, ...] = get_args(Form)
POINTS: tuple[Form, ...] = ("pairs", "keypoints", "spatialdata")
"""Forms that hold landmark pairs; the others hold a map."""
IMAGE_FORMS: tuple[Form, ...] = ("keypoints", "matrix", "loupe")
"""Forms whose target is in pixels of the image."""
STORE = "zarr.json"
"""A file in a zarr store that stands for it, where a dialog asks for a file."""
SUFFIXES = {"loupe": ".json", "spatialdata": ".zarr"}
"""Suffixes of files, ``.csv`` for the rest."""


def sniff_form(path: str | Path) -> Form:
    r"""Return the form of a file, by what it holds.

    Raises
    ------
    InputError
        The file cannot be opened, or holds regions.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "alignment.csv"
    >>> _ = path.write_text("1,0,5\n0,1,2\n0,0,1\n")
    >>> sniff_form(path)
    'matrix'
    """
    path = Path(path)
    if path.is_dir() or path.name == STORE:
        return "spatialdata"
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as stream:
            start = stream.read(4096).lstrip()
    except OSError as error:
        raise InputError(
            f"Expected an alignment, found: {error.strerror}.",
            remedy="Try the full path; a drive may not be mounted.",
            where=str(path),
        ) from error
    if start[:1] in ("{", "["):
        if '"Feature' in start:
            raise InputError(
                "Expected an alignment, found regions (GeoJSON).",
                remedy="Try 'spatialrecon annotate', or sr.add_regions.",
                where=str(path),
            )
        return "loupe"
    header = start.partition("\n")[0].lower()
    if "fixedx" in header:
        return "keypoints"
    return "matrix" if _is_number(header.split(",")[0]) else "pairs"


def named_form(path: str | Path) -> Form:
    """Return the form that a file to write is named after.

    Examples
    --------
    >>> named_form("he_imagealignment.csv"), named_form("keypoints.csv"), named_form("C5.csv")
    ('matrix', 'keypoints', 'pairs')
    """
    path = Path(path)
    for form, suffix in SUFFIXES.items():
        if path.suffix.lower() == suffix:
            return form  # type: ignore[return-value]
    stem = path.stem.lower()
    if "keypoint" in stem:
        return "keypoints"
    return "matrix" if "matrix" in stem or "imagealignment" in stem else "pairs"


def read_alignment(
    path: str | Path,
    adata: AnnData,
    ref: AnnData | None = None,
    *,
    elements: str = spatialdata_landmarks.ELEMENTS,
) -> LandmarkPairs | Transform:
    """Return the landmark pairs or the map that a file holds.

    Parameters
    ----------
    path
        Any of `FORMS`.
    adata
        The slide that moves.
    ref
        The slide with the target image; by default `adata` itself.
    elements
        Names of the points in a SpatialData store: the slide's, a comma, the image's.

    Returns
    -------
    LandmarkPairs or Transform
        From the frame and unit of `adata` to those of `ref`.

    Raises
    ------
    InputError
        The file is none of them, or the scale that it needs is unknown.
    """
    form = sniff_form(path)
    if form == "pairs":
        return read_pairs(path)
    if form == "spatialdata":
        path = Path(path)
        store = path.parent if path.name == STORE else path
        return spatialdata_landmarks.read_elements(store, elements)
    frames = Frames.of(adata, ref)
    if form == "keypoints":
        return xenium.read_keypoints(path, frames)
    if form == "matrix":
        return xenium.read_matrix(path, frames)
    return loupe.read_loupe(path, adata, frames)


def write_form(
    form: Form,
    path: str | Path,
    *,
    pairs: LandmarkPairs,
    transform: Transform,
    adata: AnnData,
    frames: Frames,
) -> Path:
    """Write an alignment in one of `FORMS`, atomically.

    Parameters
    ----------
    pairs, transform
        Of which the form takes one.
    adata
        The slide before it moved.
    """
    if form == "pairs":
        return write_pairs(pairs, path)
    if form == "spatialdata":
        return spatialdata_landmarks.write_elements(pairs, path)
    if form == "keypoints":
        return xenium.write_keypoints(pairs, path, frames)
    if form == "matrix":
        return xenium.write_matrix(transform, path, frames)
    if form == "loupe":
        return loupe.write_loupe(transform, path, adata, frames)
    raise InputError(
        f"Expected a form of {', '.join(FORMS)}, found {form!r}.",
        remedy=f"Try {argument('form', 'pairs')}.",
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
