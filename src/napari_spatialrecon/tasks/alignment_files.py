"""Alignments from files of other tools, and ours in their forms."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from anndata import AnnData

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.maps.transforms import Transform, fit_transform
from napari_spatialrecon.tasks.aligning import (
    AlignResult,
    align_by_landmarks,
    align_by_transform,
    stored_transform,
)
from napari_spatialrecon.tissue import contract, slots
from napari_spatialrecon.tissue.alignments.forms import (
    IMAGE_FORMS,
    Form,
    named_form,
    read_alignment,
    sniff_form,
    write_form,
)
from napari_spatialrecon.tissue.alignments.frames import Frames, image_frame
from napari_spatialrecon.tissue.alignments.spatialdata_landmarks import ELEMENTS
from napari_spatialrecon.tissue.landmark_pairs import LandmarkPairs
from napari_spatialrecon.tissue.sdata.inputs import Table, takes_spatialdata


@takes_spatialdata
def align_by_file(
    adata: Table,
    path: str | Path,
    *,
    model: str = "similarity",
    reflection: bool = True,
    smoothing: float = 0.0,
    ref: Table | None = None,
    elements: str = ELEMENTS,
    name: str = "slide",
) -> AlignResult:
    """Register a slide or a result to an image by an alignment file, told apart by its content.

    Parameters
    ----------
    adata
        The table to register; not modified.
    path
        Landmark pairs (``x,y,ref_x,ref_y``), keypoints or matrix of Xenium Explorer, an alignment
        of Loupe Browser, or a SpatialData store with landmarks of napari-spatialdata.
    model, reflection, smoothing
        Of the map fitted to landmarks; a file that holds a map needs none.
    ref
        The slide with the target image; by default `adata` itself. If `adata` is in µm and has no
        image, the result lies in full-resolution pixels of the image that the file aligns.
    elements
        Names of the points in a SpatialData store: the slide's, a comma, the image's.
    name
        Name of the table in messages and in the record.

    Returns
    -------
    AlignResult
        The table in the frame of the image, and how well it fits.

    Raises
    ------
    InputError
        The file is none of these, or the scale that it needs is unknown.

    Examples
    --------
    >>> align_by_file(cells, "he_imagealignment.csv").write("cells_on_he.h5ad")  # doctest: +SKIP
    """
    target = ref
    if ref is None and sniff_form(path) in IMAGE_FORMS:
        target = image_frame(adata)
    found = read_alignment(path, adata, target, elements=elements)
    if ref is None and target is not None:
        _set_scale(target, adata, found)
    if isinstance(found, Transform):
        return align_by_transform(adata, found, ref=target, name=name)
    return align_by_landmarks(
        adata,
        found.ref[found.enabled],
        found.query[found.enabled],
        model=model,
        reflection=reflection,
        smoothing=smoothing,
        ref=target,
        name=name,
    )


def _set_scale(target: AnnData, adata: AnnData, found: LandmarkPairs | Transform) -> None:
    """State the µm per pixel of an image that nothing but the alignment knows."""
    own = contract.um_per_unit(adata)
    if own is not None:
        if isinstance(found, LandmarkPairs):
            found = fit_transform(found.query[found.enabled], found.ref[found.enabled])
        target.uns[slots.OURS]["um_per_unit"] = own / found.scale


@takes_spatialdata
def write_alignment(aligned: Table, path: str | Path, *, form: Form | None = None) -> Path:
    """Write the alignment of a table as another tool reads it.

    Parameters
    ----------
    aligned
        What `align_by_landmarks`, `spatialrecon align` or the window made.
    path
        File to write, atomically; a SpatialData store that exists gets two elements.
    form
        ``pairs``, ``keypoints``, ``matrix``, ``loupe`` or ``spatialdata``; by default after the
        name: ``.json`` is Loupe's, ``.zarr`` SpatialData, a ``.csv`` with "keypoints", "matrix" or
        "imagealignment" in its name Xenium Explorer's, any other ``.csv`` landmark pairs.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    InputError
        The table holds no alignment, or one that the form cannot hold.

    Examples
    --------
    >>> write_alignment(result.adata, "he_imagealignment.csv")  # doctest: +SKIP
    """
    transform = stored_transform(aligned)
    if transform is None or slots.BEFORE not in aligned.obsm:
        raise InputError(
            f'Expected an alignment in uns["{slots.OURS}"]["{slots.ALIGNMENT}"], found none.',
            remedy="Try a table that 'spatialrecon align' or Align to histology wrote.",
            where="aligned",
        )
    before = aligned.copy()
    before.obsm[slots.SPATIAL] = np.asarray(aligned.obsm[slots.BEFORE], float)
    held = aligned.uns[slots.OURS][slots.ALIGNMENT]
    own = held.get("um_per_query_unit")
    frames = Frames(None if own is None else float(own), Frames.of(aligned).image_pixel)
    return write_form(
        form or named_form(path),
        path,
        pairs=_pairs(aligned, held, transform),
        transform=transform,
        adata=before,
        frames=frames,
    )


def _pairs(aligned: AnnData, held: Mapping[str, object], transform: Transform) -> LandmarkPairs:
    """Return the landmarks of an alignment in its frames; without any, the corners of the slide."""
    if "landmarks_query" in held:
        query = np.asarray(held["landmarks_query"], float)
        ref = np.asarray(held["landmarks_ref"], float)
        um = contract.um_per_unit(aligned)
        ref = ref if um is None else ref * float(np.asarray(held["um_per_ref_unit"]).item()) / um
    else:
        points = np.asarray(aligned.obsm[slots.BEFORE], float)
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        query = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        ref = transform.apply(query)
    return LandmarkPairs(query, ref, np.ones(len(query), bool))
