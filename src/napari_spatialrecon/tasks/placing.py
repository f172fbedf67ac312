"""Placing cells: on reference slides, or from landmarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from anndata import AnnData

from napari_spatialrecon import provenance
from napari_spatialrecon.config import Config
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.landmarks import Landmarks
from napari_spatialrecon.methods.placement import Placement, PlacementMethod
from napari_spatialrecon.methods.registry import MethodInfo, find_method
from napari_spatialrecon.progress import ProgressCallback, Reporter, ShouldStop
from napari_spatialrecon.tasks.result import PlaceResult, annotate
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.images import Histology
from napari_spatialrecon.tissue.registration import register_images
from napari_spatialrecon.training.device import choose_device

#: Spots with fewer counts than this carry too little to learn from.
LEAST_SPOT_COUNTS = 20


def place(
    references: Mapping[str, AnnData],
    query: AnnData,
    *,
    method: str = "dpvae",
    config: Config | None = None,
    seed: int = 0,
    device: str = "auto",
    display: str | None = None,
    onto: tuple[Histology, Histology] | None = None,
    model: PlacementMethod | str | Path | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    query_name: str = "query",
    progress: ProgressCallback | None = None,
    should_stop: ShouldStop | None = None,
) -> PlaceResult:
    """Place dissociated cells on reference slides.

    Parameters
    ----------
    references
        Name to slide: counts and ``obsm["spatial"]``, (n, 2) as (x, y). May be empty with `model`.
    query
        Cells: counts. Coordinates it may have are not read.
    method
        ``dpvae``, ``knn`` or ``ridge``.
    config
        Hyper-parameters of the method; the quick preset if None.
    display
        Name of the reference slide in whose frame the result is given; the first if None.
    onto
        The H&E of the display slide, and another H&E that the result shall be laid on; the first is
        registered to the second by their images alone.
    model
        A fitted method, or its checkpoint folder, instead of training.
    folder
        Where a stopped training leaves what ``resume=True`` goes on from.

    Returns
    -------
    PlaceResult

    Raises
    ------
    ValidationError
        Lists every problem of the inputs.
    Stopped
        `should_stop` said so.
    """
    reporter = Reporter(progress, should_stop)
    info = find_method(method, "place")
    slides = prepare_slides(references)
    cells = contract.prepare_query(query, query_name)
    fitted, record = _fitted(
        info, slides, cells, config, seed, device, model, folder, resume, reporter, "place"
    )
    number = _display_number(fitted, display)
    placement = fitted.place(cells, display=number, reporter=reporter)
    slide = fitted.reference.slides[number]
    scale = slide.um_per_unit
    uns = _image_slots(references.get(slide.name))
    if onto is not None:
        placement, quality = _laid_onto(placement, onto, reporter)
        record.metrics |= quality
        scale, uns = onto[1].um_per_unit, {}
    record.settings |= {"display": slide.name, "laid_onto": "" if onto is None else onto[1].name}
    return _result(fitted, placement, query, cells, slides, record, slide.unit, scale, uns)


def impute_locations(
    query: AnnData,
    landmarks: Landmarks,
    *,
    references: Mapping[str, AnnData] | None = None,
    method: str = "dpvae",
    config: Config | None = None,
    seed: int = 0,
    device: str = "auto",
    model: PlacementMethod | str | Path | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    query_name: str = "query",
    progress: ProgressCallback | None = None,
    should_stop: ShouldStop | None = None,
) -> PlaceResult:
    """Place all cells of a query of which some have a known place (eq. 6-7 of dp-VAE).

    Parameters
    ----------
    landmarks
        Rows of the query and their places (x, y); see `tissue.landmarks.read_landmarks`.
    references
        Slides to learn from. Without any (and without `model`) the landmark cells themselves are
        the slide to learn from.

    Returns
    -------
    PlaceResult
        In the frame of the landmarks. Hard landmarks lie exactly where they were set.
    """
    reporter = Reporter(progress, should_stop)
    info = find_method(method, "impute-locations")
    references = dict(references or {})
    if not references and model is None:
        located = query[landmarks.indices].copy()
        located.obsm["spatial"] = landmarks.places
        references = {"landmarks": located}
    slides = prepare_slides(references)
    cells = contract.prepare_query(query, query_name)
    known = _among(landmarks, cells)
    fitted, record = _fitted(
        info,
        slides,
        cells,
        config,
        seed,
        device,
        model,
        folder,
        resume,
        reporter,
        "impute-locations",
    )
    record.settings["landmarks"] = {
        str(query.obs_names[i]): [float(x), float(y)]
        for i, (x, y) in zip(landmarks.indices, landmarks.places, strict=True)
    }
    unit, scale = contract.unit(query), contract.um_per_unit(query)
    if scale is None:
        unit, scale = fitted.reference.slides[0].unit, fitted.reference.slides[0].um_per_unit
    placement = fitted.impute(  # type: ignore[attr-defined]
        cells, known, um_per_unit=scale, reporter=reporter
    )
    return _result(
        fitted, placement, query, cells, slides, record, unit, scale, _image_slots(query)
    )


def train(
    references: Mapping[str, AnnData],
    *,
    method: str = "dpvae",
    config: Config | None = None,
    seed: int = 0,
    device: str = "auto",
    folder: str | Path | None = None,
    resume: bool = False,
    start_from: PlacementMethod | str | Path | None = None,
    progress: ProgressCallback | None = None,
    should_stop: ShouldStop | None = None,
) -> tuple[PlacementMethod, provenance.RunRecord]:
    """Fit a method on slides alone, to be saved and used on queries that come later.

    Parameters
    ----------
    start_from
        A fitted dp-VAE, or its checkpoint folder, to fine-tune on these slides.
    """
    reporter = Reporter(progress, should_stop)
    info = find_method(method, "place")
    slides = prepare_slides(references)
    if start_from is not None and not hasattr(info.method(), "impute"):
        raise InputError(f"Expected a method that can be fine-tuned, found {method}.")
    base = _loaded(info, start_from) if start_from is not None else None
    if base is not None and config is None:
        config = base.config
    return _fitted(
        info, slides, None, config, seed, device, None, folder, resume, reporter, "train", base
    )


def _among(landmarks: Landmarks, cells: contract.Prepared) -> Landmarks:
    """Return the landmarks as rows of the prepared cells."""
    row = np.cumsum(cells.kept) - 1
    lost = landmarks.indices[~cells.kept[landmarks.indices]]
    if len(lost):
        raise InputError(
            f"Expected landmarks on cells with counts, found {len(lost)} on empty cells "
            f"(row {lost[0]} of the query).",
            remedy="Try other cells.",
            where="landmarks",
        )
    return replace(landmarks, indices=row[landmarks.indices])


def prepare_slides(references: Mapping[str, AnnData]) -> list[contract.Prepared]:
    """Check reference slides and leave out spots that carry too little to learn from.

    Raises
    ------
    ValidationError
        Lists every problem of the first slide that has any.
    """
    return [
        contract.prepare_slide(slide, name, min_counts=LEAST_SPOT_COUNTS)
        for name, slide in references.items()
    ]


def _loaded(info: MethodInfo, model: PlacementMethod | str | Path) -> PlacementMethod:
    if isinstance(model, PlacementMethod):
        return model
    loaded: PlacementMethod = info.method().load(model)
    return loaded


def _fitted(
    info: MethodInfo,
    slides: Sequence[contract.Prepared],
    cells: contract.Prepared | None,
    config: Config | None,
    seed: int,
    device: str,
    model: PlacementMethod | str | Path | None,
    folder: str | Path | None,
    resume: bool,
    reporter: Reporter,
    task: str,
    start_from: PlacementMethod | None = None,
) -> tuple[PlacementMethod, provenance.RunRecord]:
    chosen = str(choose_device(device))
    inputs = {s.name: _fingerprint(s) for s in (*slides, *([cells] if cells is not None else []))}
    if model is not None:
        fitted = _loaded(info, model)
    else:
        if not slides:
            raise InputError(
                "Expected at least one reference slide or a model, found neither.",
                remedy="Try --reference SLIDE.h5ad.",
            )
        fitted = info.method()(config or info.config()())
        extra: dict[str, Any] = {} if start_from is None else {"start_from": start_from}
        fitted.fit(
            slides,
            cells,
            seed=seed,
            device=chosen,
            reporter=reporter,
            folder=Path(folder) if folder is not None else None,
            resume=resume,
            **extra,
        )
    record = provenance.RunRecord(
        task, info.name, fitted.config.to_dict(), seed, chosen, inputs=inputs
    )
    record.metrics |= {f"held_out_{k}": v for k, v in fitted.held_out.items()}
    return fitted, record


def _image_slots(slide: AnnData | None) -> dict[str, Any]:
    return {} if slide is None or "spatial" not in slide.uns else {"spatial": slide.uns["spatial"]}


def _result(
    method: PlacementMethod,
    placement: Placement,
    query: AnnData,
    cells: contract.Prepared,
    slides: Sequence[contract.Prepared],
    record: provenance.RunRecord,
    unit: str,
    um_per_unit: float | None,
    uns: dict[str, Any],
) -> PlaceResult:
    notes = (
        *(n for t in (*slides, cells) for n in t.notes),
        *method.reference.space.notes,
        *placement.notes,
    )
    record.notes = list(notes)
    record.metrics |= placement.diagnostics
    adata = annotate(query, cells, placement, record, unit=unit, um_per_unit=um_per_unit, uns=uns)
    return PlaceResult(adata, placement, method, record, notes)


def _fingerprint(prepared: contract.Prepared) -> str:
    adata = prepared.adata
    return provenance.fingerprint(
        adata.X, adata.obs_names, adata.var_names, adata.obsm.get("spatial")
    )


def _display_number(method: PlacementMethod, display: str | None) -> int:
    names = method.reference.names
    if display is None:
        return 0
    if display not in names:
        raise InputError(
            f"Expected the name of a reference slide, found {display!r}.",
            remedy=f"Try one of {', '.join(names)}.",
        )
    return names.index(display)


def _laid_onto(
    placement: Placement, onto: tuple[Histology, Histology], reporter: Reporter
) -> tuple[Placement, dict[str, float]]:
    """Move a placement from one H&E to another by registering the images."""
    registration = register_images(*onto, reporter=reporter)
    moved = replace(
        placement,
        coordinates=registration.pose.apply(placement.coordinates),
        uncertainty=placement.uncertainty * registration.pose.scale,
        pose=registration.pose.compose(placement.pose),
    )
    quality = {"overlap": registration.overlap, "correlation": registration.correlation}
    return moved, {f"registration_{k}": v for k, v in quality.items()}
