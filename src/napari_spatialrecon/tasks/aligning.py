"""Registration of a slide or a result to an image by landmarks or outlines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from anndata import AnnData

from napari_spatialrecon import provenance
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.geometry.maps.fit import Fit, fit_pairs
from napari_spatialrecon.geometry.maps.transforms import Transform
from napari_spatialrecon.geometry.procrustes import Pose
from napari_spatialrecon.progress import ProgressCallback, Reporter, ShouldStop
from napari_spatialrecon.tasks.writing import write_result
from napari_spatialrecon.tissue import contract, slots
from napari_spatialrecon.tissue.embedded import with_image
from napari_spatialrecon.tissue.images import histology
from napari_spatialrecon.tissue.micrometres import micrometres, scale_slots
from napari_spatialrecon.tissue.outline import start_by_outline
from napari_spatialrecon.tissue.sdata.inputs import Table, takes_spatialdata
from napari_spatialrecon.tissue.sdata.source import carried, rescaled


@dataclass(frozen=True)
class AlignResult:
    """Result of an alignment.

    Parameters
    ----------
    adata
        A copy with ``obsm["spatial"]`` moved, ``obsm["spatial_before"]``, and the transform with
        its landmarks in ``uns["spatialrecon"]["alignment"]``.
    transform
        From the slide's frame and unit to the result's.
    fit
        Residuals in the unit of the landmarks' image; None where there were no pairs.
    um_per_unit
        Micrometers of the unit that the fit's residuals have, None where unknown.
    record
        The run.
    notes
        Messages for the user.
    """

    adata: AnnData
    transform: Transform
    fit: Fit | None
    um_per_unit: float | None
    record: provenance.RunRecord
    notes: tuple[str, ...] = field(default=())

    def write(self, path: str | Path, *, add: bool = False) -> tuple[Path, Path]:
        """Write the table as h5ad or SpatialData zarr, the record beside it; return both paths.

        `add` adds them to the SpatialData zarr in `path`. A zarr holds all of the SpatialData that
        the task was given as well.
        """
        return write_result(path, self.adata, self.record, add=add)


@takes_spatialdata
def align_by_landmarks(
    adata: Table,
    landmarks_ref: np.ndarray,
    landmarks_query: np.ndarray,
    *,
    model: str = "similarity",
    reflection: bool = True,
    smoothing: float = 0.0,
    ref: Table | None = None,
    name: str = "slide",
) -> AlignResult:
    """Register a slide or a result to an image by landmarks.

    The arguments are named as in squidpy's proposed ``align_by_landmarks``
    (github.com/scverse/squidpy, pull request 1162).

    Parameters
    ----------
    adata
        The table to register; not modified.
    landmarks_ref : (k, 2) float, (x, y)
        Where the landmarks are on the image, in the frame and unit of ``obsm["spatial"]`` of `ref`.
    landmarks_query : (k, 2) float, (x, y)
        The same landmarks in the frame and unit of ``obsm["spatial"]`` of `adata`.
    model
        ``similarity``, ``affine``, ``projective`` or ``thin-plate``.
    reflection, smoothing
        See `geometry.transforms.fit_transform`.
    ref
        The slide with the target image; by default `adata` itself.
    name
        Name of the table in messages and in the record.

    Returns
    -------
    AlignResult
        The table in the frame of the image, and how well the landmarks fit.

    Raises
    ------
    InputError
        Too few pairs, pairs on a line or in one place, numbers that are not finite.

    Examples
    --------
    >>> slide = AnnData(np.ones((4, 1)), obsm={"spatial": np.eye(4, 2) * 10})
    >>> here = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    >>> align_by_landmarks(slide, 2 * here + 1, here).adata.obsm["spatial"][0]
    array([21.,  1.])
    """
    fit = fit_pairs(
        landmarks_query, landmarks_ref, model, reflection=reflection, smoothing=smoothing
    )
    notes = []
    if fit.outlier is not None:
        notes.append(
            f"Pair {fit.outlier + 1} is {fit.left_out[fit.outlier]:.4g} from the position "
            "predicted by the others: check it."
        )
    settings = {"model": model, "reflection": reflection, "smoothing": smoothing}
    pairs = np.asarray(landmarks_query, float), np.asarray(landmarks_ref, float)
    return _aligned(adata, fit.transform, fit, ref, name, notes, settings, pairs)


@takes_spatialdata
def align_by_transform(
    adata: Table, transform: Transform, *, ref: Table | None = None, name: str = "slide"
) -> AlignResult:
    """Move a slide or a result by a known transform, for example one set by hand.

    Parameters
    ----------
    transform
        From the frame and unit of `adata` to those of `ref`, or of its own image.
    """
    return _aligned(adata, transform, None, ref, name, [], {"model": transform.model})


@takes_spatialdata
def align_by_outline(
    adata: Table,
    *,
    ref: Table | None = None,
    folder: str | Path | None = None,
    reflection: bool = True,
    name: str = "slide",
    progress: ProgressCallback | None = None,
    should_stop: ShouldStop | None = None,
) -> AlignResult:
    """Register a slide to an image by the outlines of spots and tissue, as a starting point.

    Parameters
    ----------
    ref
        The slide with the target image; by default `adata` itself.
    folder
        Folder of the image files named in the slide.
    adata
        The table to register; not modified.
    reflection
        Whether it may be mirrored.
    name
        Name of the table in messages and in the record.
    progress, should_stop
        Receives a `Progress` about ten times a second; returns True to stop within a step.

    Returns
    -------
    AlignResult
        The table in the frame of the image, as a start for landmarks.

    Raises
    ------
    InputError
        There is no image, or no tissue on it.

    Examples
    --------
    >>> import napari_spatialrecon as sr
    >>> made = sr.simulate("cortex", preset="tiny")
    >>> aligned = sr.align_by_outline(made.slides[0])
    >>> aligned.adata.n_obs == made.slides[0].n_obs
    True
    """
    target = adata if ref is None else ref
    image = histology(target, folder)
    if image is None:
        raise InputError(
            "Expected an H&E image to register the slide to, found none.",
            remedy=f"Try {argument('ref')} with a slide that has one.",
            where=name,
        )
    own = contract.um_per_unit(adata) if ref is not None else image.um_per_unit
    found = start_by_outline(
        contract.coordinates(adata),
        image,
        um_per_unit=own,
        reflection=reflection,
        reporter=Reporter(progress, should_stop),
    )
    notes = [f"Outlines overlap by {100 * found.overlap:.0f}%."]
    if found.ambiguous:
        notes.append("Other rotations fit equally well: check with landmark pairs.")
    transform = Transform.from_pose(found.pose)
    settings = {"model": "outline", "reflection": reflection}
    return _aligned(adata, transform, None, ref, name, notes, settings)


@takes_spatialdata
def apply_alignment(adata: Table, aligned: Table, *, name: str = "result") -> AlignResult:
    """Apply an alignment to a result in the frame before that alignment.

    Parameters
    ----------
    adata
        In the frame and unit that `aligned` had before it was aligned.
    aligned
        Holds the alignment.

    Raises
    ------
    InputError
        `aligned` holds no alignment.
    """
    transform = stored_transform(aligned)
    if transform is None:
        raise InputError(
            f'Expected an alignment in uns["{slots.OURS}"]["{slots.ALIGNMENT}"], found none.',
            remedy="Try a file that 'spatialrecon align' wrote.",
            where=argument("aligned"),
        )
    settings = {"model": transform.model}
    return _aligned(adata, transform, None, aligned, name, [], settings)


def stored_transform(adata: AnnData) -> Transform | None:
    """Return the transform that an aligned table holds, or None."""
    ours = adata.uns.get(slots.OURS)
    content = ours.get(slots.ALIGNMENT) if isinstance(ours, Mapping) else None
    return Transform.from_dict(content["transform"]) if isinstance(content, Mapping) else None


def _aligned(
    adata: AnnData,
    transform: Transform,
    fit: Fit | None,
    ref: AnnData | None,
    name: str,
    notes: list[str],
    settings: dict[str, Any],
    pairs: tuple[np.ndarray, np.ndarray] | None = None,
) -> AlignResult:
    """Return the moved copy; where its image is in µm, in pixels, as scanpy and squidpy draw it."""
    target = adata if ref is None else ref
    points = contract.coordinates(adata)
    unit, scale = contract.unit(target), micrometres(target)
    um, pixel = scale.per_unit, scale.per_pixel
    final, origin = transform, carried(target)
    if unit == "um" and pixel is not None:
        origin = rescaled(origin, pixel)
        final = transform.before(Pose(np.eye(2) / pixel, np.zeros(2)))
        unit = "px"
    record = provenance.RunRecord("align", settings["model"], {}, 0)
    record.inputs = {name: provenance.fingerprint(adata.obs_names, points)}
    record.settings |= settings
    moved = adata.copy()
    moved.obsm[slots.BEFORE] = points
    moved.obsm[slots.SPATIAL] = final.apply(points)
    for name in (slots.EXPECTED, slots.UNCERTAINTY):
        if name in moved.obs:
            moved.obs[name] = moved.obs[name] * final.scale
    _set_image(moved, target, 1.0 if ref is None else final.scale)
    content: dict[str, Any] = {"transform": final.to_dict()}
    if (before := contract.um_per_unit(adata)) is not None:
        content["um_per_query_unit"] = before
    if ref is None and contract.unit(adata) != "um":
        um = contract.um_per_unit(moved)  # its array has the pitch of the pixels it lies on now
    if fit is not None and pairs is not None:
        record.metrics = {"rmse": fit.rmse, "left_out_rmse": fit.left_out_rmse}
        content |= {"landmarks_query": pairs[0], "landmarks_ref": pairs[1]}
        content |= {"residuals": fit.residuals, "um_per_ref_unit": um or 1.0}
    notes = [*notes, *scale.notes]
    record.notes = notes
    content["provenance"] = json.dumps(record.provenance(), sort_keys=True)
    ours = dict(adata.uns.get(slots.OURS, {}))
    ours.pop(slots.SOURCE, None)
    ours.pop("um_per_unit", None)
    moved_um = um if final is transform else pixel
    ours |= {**scale_slots(unit, moved_um), slots.ALIGNMENT: content, **origin}
    if "pose" in ours:
        ours = _posed(ours, final)
    moved.uns[slots.OURS] = ours
    return AlignResult(moved, final, fit, um, record, tuple(notes))


def _posed(ours: dict[str, Any], transform: Transform) -> dict[str, Any]:
    """Return the package's slots with the updated pose of a result, if it still is a pose."""
    pose = Pose.from_dict(ours.pop("pose"))
    if transform.model == "similarity":
        moved = Pose(transform.matrix[:2, :2], transform.matrix[:2, 2]).compose(pose)
        ours["pose"] = {k: np.asarray(v) for k, v in moved.to_dict().items()}
    return ours


def _set_image(moved: AnnData, target: AnnData, scale: float) -> None:
    """Add the target image to the table, as pixels if it was only named, and the spot size.

    scanpy and squidpy draw only ``images["hires"]``.
    """
    found = contract.library(target)
    if found is None:
        return
    name, content = found
    library = {key: dict(v) if isinstance(v, Mapping) else v for key, v in content.items()}
    factors = library.setdefault("scalefactors", {})
    own = contract.library(moved)
    stated = contract.section(own[1], "scalefactors") if own is not None else {}
    if "spot_diameter_fullres" in stated:
        factors["spot_diameter_fullres"] = float(stated["spot_diameter_fullres"]) * scale
    image = histology(target)
    if image is not None and "hires" not in contract.section(library, "images"):
        library = with_image(library, image, target)
    moved.uns[slots.SPATIAL] = {name: library}
