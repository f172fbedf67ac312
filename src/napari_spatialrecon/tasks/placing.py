"""Placing cells: on reference slides, or from landmarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from anndata import AnnData

from napari_spatialrecon import provenance
from napari_spatialrecon.errors import CheckpointError, InputError
from napari_spatialrecon.geometry.solver.bending import apply_bend
from napari_spatialrecon.geometry.solver.landmarks import Landmarks
from napari_spatialrecon.hyperparameters import Config
from napari_spatialrecon.methods.encoders.base import EncoderMethod
from napari_spatialrecon.methods.placement.base import Placement, PlacementMethod
from napari_spatialrecon.methods.registry import MethodInfo, find_method
from napari_spatialrecon.progress import ProgressCallback, Reporter, ShouldStop
from napari_spatialrecon.tasks import resuming
from napari_spatialrecon.tasks.encoder_choice import encoder_for
from napari_spatialrecon.tasks.result import PlaceResult, annotate
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.images import Histology
from napari_spatialrecon.tissue.registration import register_images
from napari_spatialrecon.tissue.slots import SPATIAL
from napari_spatialrecon.training.device import choose_device

#: Spots with fewer counts than this carry too little to learn from.
LEAST_SPOT_COUNTS = 20


@dataclass(frozen=True)
class Onto:
    """An H&E that a result shall be laid on, though its slide was not learned from.

    Parameters
    ----------
    shown
        The H&E of the reference slide in whose frame the result first lies.
    target
        The H&E to lay it on. `shown` is registered to it by the images alone.
    slide
        The slide of `target`, for its unit and image slots; its coordinates are not read.
    """

    shown: Histology
    target: Histology
    slide: AnnData


@dataclass(frozen=True)
class _Run:
    """What `place`, `impute_locations` and `train` share."""

    info: MethodInfo
    record: provenance.RunRecord
    reporter: Reporter
    folder: Path | None
    resume: bool

    def fitted(
        self,
        slides: Sequence[contract.Prepared],
        cells: contract.Prepared | None,
        config: Config | None,
        device: str,
        model: PlacementMethod | str | Path | None = None,
        **learning: Any,
    ) -> PlacementMethod:
        """Return the model given, or one trained on the slides; note both in the record.

        `learning` is what only some methods' `fit` takes; None is left out.
        """
        record = self.record
        inputs = (*slides, *([cells] if cells is not None else []))
        record.inputs = {prepared.name: prepared.fingerprint() for prepared in inputs}
        record.device = str(choose_device(device))
        if model is not None:
            method = _loaded(self.info, model)
        elif not slides:
            raise InputError(
                "Expected at least one reference slide or a model, found neither.",
                remedy="Try --reference SLIDE.h5ad.",
            )
        else:
            method = self.info.method()(config or self.info.config()())
            if self.folder is not None:
                asked = {
                    "method": self.info.name,
                    "seed": record.seed,
                    "config": method.config.to_dict(),
                    "inputs": record.inputs,
                }
                resuming.begin(self.folder, asked, resume=self.resume)
            extra = {name: value for name, value in learning.items() if value is not None}
            method.fit(
                slides,
                cells,
                seed=record.seed,
                device=record.device,
                reporter=self.reporter,
                folder=self.folder,
                resume=self.resume,
                **extra,
            )
        record.config = method.config.to_dict()
        record.metrics |= {f"held_out_{k}": v for k, v in method.held_out.items()}
        return method

    def result(
        self,
        method: PlacementMethod,
        placement: Placement,
        query: AnnData,
        prepared: Sequence[contract.Prepared],
        unit: str,
        um_per_unit: float | None,
        slots: AnnData | None,
    ) -> PlaceResult:
        """Return the annotated cells; `prepared` are the slides and, last, the cells."""
        record = self.record
        notes = (
            *(note for table in prepared for note in table.notes),
            *method.reference.space.notes,
            *placement.notes,
        )
        record.notes = list(notes)
        record.metrics |= placement.diagnostics
        image = slots.uns.get(SPATIAL) if slots is not None else None
        adata = annotate(
            query,
            prepared[-1],
            placement,
            record,
            unit=unit,
            um_per_unit=um_per_unit,
            uns={} if image is None else {SPATIAL: image},
            slides=prepared[:-1],
        )
        return PlaceResult(adata, placement, method, record, notes)


def _begin(
    task: str,
    verb: str,
    method: str,
    seed: int,
    folder: str | Path | None,
    resume: bool,
    progress: ProgressCallback | None,
    should_stop: ShouldStop | None,
) -> _Run:
    info = find_method(method, verb)
    return _Run(
        info,
        provenance.RunRecord(task, info.name, {}, seed),
        Reporter(progress, should_stop),
        None if folder is None else Path(folder),
        resume,
    )


def place(
    references: Mapping[str, AnnData],
    query: AnnData,
    *,
    method: str = "dpvae",
    config: Config | None = None,
    seed: int = 0,
    device: str = "auto",
    display: str | None = None,
    onto: Onto | None = None,
    model: PlacementMethod | str | Path | None = None,
    encoder: EncoderMethod | str | Path | None = None,
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
        ``gears``, ``dpvae``, ``knn`` or ``ridge``.
    config
        Hyper-parameters of the method; the quick preset if None.
    display
        Name of the reference slide in whose frame the result is given; the first if None.
    onto
        Another H&E that the result shall be laid on.
    model
        A fitted method, or its checkpoint folder, instead of training.
    encoder
        A fitted encoder of GEARS, or its checkpoint folder, whose embedding is the input.
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
    run = _begin("place", "place", method, seed, folder, resume, progress, should_stop)
    slides = prepare_slides(references)
    cells = contract.prepare_query(query, query_name)
    if model is None:
        _display_number([slide.name for slide in slides], display)
    known = encoder_for(run.info, encoder, model)
    fitted = run.fitted(slides, cells, config, device, model, encoder=known)
    number = _display_number(fitted.reference.names, display)
    placement = fitted.place(cells, display=number, reporter=run.reporter)
    info = fitted.reference.slides[number]
    unit, scale, slots = info.unit, info.um_per_unit, references.get(info.name)
    run.record.settings["display"] = info.name
    if onto is not None:
        placement, quality = _register_to(placement, onto, run.reporter)
        run.record.metrics |= quality
        unit, scale, slots = contract.unit(onto.slide), onto.target.um_per_unit, onto.slide
        run.record.settings["registered_to"] = onto.target.name
    return run.result(fitted, placement, query, (*slides, cells), unit, scale, slots)


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
    bend: bool = False,
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
    bend
        Whether the smooth residual of 20 landmarks or more moves the cells too, where it predicts
        landmarks that it has not seen (`geometry.bending.residual_field`).

    Returns
    -------
    PlaceResult
        In the frame of the landmarks. Hard landmarks lie exactly where they were set.
    """
    run = _begin(
        "impute-locations", "impute-locations", method, seed, folder, resume, progress, should_stop
    )
    landmarks.check_cells(query.n_obs)
    references = dict(references or {})
    if not references and model is None:
        located = query[landmarks.indices].copy()
        located.obsm[SPATIAL] = landmarks.places
        references = {"landmarks": located}
    slides = prepare_slides(references)
    cells = contract.prepare_query(query, query_name)
    known = _among(landmarks, cells)
    fitted = run.fitted(slides, cells, config, device, model)
    unit, scale = contract.unit(query), contract.um_per_unit(query)
    if scale is None:
        unit, scale = fitted.reference.slides[0].unit, fitted.reference.slides[0].um_per_unit
    placement = fitted.impute(cells, known, um_per_unit=scale, reporter=run.reporter)
    if bend:
        run.record.settings["bend"] = True
        places = apply_bend(placement.coordinates, placement.layout, known)
        placement = replace(placement, coordinates=places)
    run.record.settings["landmarks"] = {
        str(query.obs_names[i]): [float(x), float(y)]
        for i, (x, y) in zip(landmarks.indices, landmarks.places, strict=True)
    }
    return run.result(fitted, placement, query, (*slides, cells), unit, scale, query)


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
    encoder: EncoderMethod | str | Path | None = None,
    progress: ProgressCallback | None = None,
    should_stop: ShouldStop | None = None,
) -> tuple[PlacementMethod, provenance.RunRecord]:
    """Fit a method on slides alone, to be saved and used on queries that come later.

    Parameters
    ----------
    start_from
        A fitted dp-VAE, or its checkpoint folder, to fine-tune on these slides.
    encoder
        A fitted encoder of GEARS, or its checkpoint folder, for its geometry model.
    """
    run = _begin("train", "place", method, seed, folder, resume, progress, should_stop)
    if start_from is not None and not run.info.fine_tunes:
        raise InputError(f"Expected a method that can be fine-tuned, found {method}.")
    base = None if start_from is None else _loaded(run.info, start_from)
    slides = prepare_slides(references)
    chosen = config if config is not None or base is None else base.config
    known = encoder_for(run.info, encoder, base)
    fitted = run.fitted(slides, None, chosen, device, start_from=base, encoder=known)
    return fitted, run.record


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
        if model.name != info.name:
            raise CheckpointError(
                f"Expected a model of {info.name!r}, found one of {model.name!r}.",
                remedy=f"Try method {model.name}.",
            )
        return model
    loaded: PlacementMethod = info.method().load(model)
    return loaded


def _display_number(names: Sequence[str], display: str | None) -> int:
    if display is None:
        return 0
    if display not in names:
        raise InputError(
            f"Expected the name of a reference slide, found {display!r}.",
            remedy=f"Try one of {', '.join(names)}.",
        )
    return names.index(display)


def _register_to(
    placement: Placement, onto: Onto, reporter: Reporter
) -> tuple[Placement, dict[str, float]]:
    """Move a placement from one H&E to another by registering the images."""
    registration = register_images(onto.shown, onto.target, reporter=reporter)
    moved = replace(
        placement,
        coordinates=registration.pose.apply(placement.coordinates),
        uncertainty=placement.uncertainty * registration.pose.scale,
        pose=registration.pose.compose(placement.pose),
    )
    quality = {"overlap": registration.overlap, "correlation": registration.correlation}
    return moved, {f"registration_{k}": v for k, v in quality.items()}
