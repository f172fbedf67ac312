"""Placing cells: on reference slides, or from landmarks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.geometry.solver.bending import apply_bend
from napari_spatialrecon.geometry.solver.landmarks import Landmarks
from napari_spatialrecon.hyperparameters import Config
from napari_spatialrecon.methods.registry import MethodInfo, default_for
from napari_spatialrecon.progress import ProgressCallback, ShouldStop
from napari_spatialrecon.tasks.choosing import Trained
from napari_spatialrecon.tasks.configs import Settings, chosen_config
from napari_spatialrecon.tasks.encoder_choice import TrainedEncoder, encoder_for
from napari_spatialrecon.tasks.masking import PairMasks, masks_for
from napari_spatialrecon.tasks.placing_run import (
    among,
    begin,
    display_number,
    loaded,
    located,
    prepare_inputs,
    prepare_slides,
)
from napari_spatialrecon.tasks.registering import registered, target_of
from napari_spatialrecon.tasks.result import Frame, PlaceResult, placed
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.sdata.inputs import Table, takes_spatialdata


@takes_spatialdata
def place(
    references: Mapping[str, Table],
    query: Table,
    *,
    method: str = default_for("place"),
    config: Config | None = None,
    settings: Settings | None = None,
    seed: int = 0,
    device: str = "auto",
    display: str | None = None,
    register_to: Table | None = None,
    model: Trained | None = None,
    encoder: TrainedEncoder | None = None,
    masks: PairMasks | None = None,
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
        See ``spatialrecon methods``. The default, ``"auto"``, tries the baseline and the methods
        that its time allows, and keeps the best on held-out spots; with a `model` or a `config`
        of another method it is that method.
    config
        Hyper-parameters of the method (see `config`); the quick preset if None.
    settings
        Single values over `config` (or over the quick preset), such as ``{"members": 2}``.
    display
        Name of the reference slide in whose frame the result is given; the first if None.
    register_to
        Slide with an H&E image to register the result to; it is not used for training, and its
        coordinates are not read.
    model
        A fitted method, or its checkpoint folder, instead of training.
    encoder
        A fitted encoder, or its checkpoint folder, whose embedding is the input.
    masks
        Of a slide, by its name, the pairs of spots whose distances may be learned (dp-VAE, eq. 5):
        (n_spots, n_spots) bool, symmetric, dense or sparse; all pairs of a slide without one.
    folder
        Folder in which a stopped training run keeps its state for ``resume=True``.
    seed
        Seed; the same seed on the same machine gives the same bytes.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
    resume
        Whether to go on from the state that a stopped run left in `folder`.
    query_name
        Name of the cells in messages, in the record and in the result.
    progress, should_stop
        Receives a `Progress` about ten times a second; returns True to stop within a step.

    Returns
    -------
    PlaceResult
        The cells with their places; `verdict` says how far to trust them, `write` saves them.

    Raises
    ------
    ValidationError
        Lists every problem of the inputs.
    Stopped
        `should_stop` returned True.

    Examples
    --------
    >>> import napari_spatialrecon as sr
    >>> made = sr.simulate("cortex", preset="tiny")
    >>> slides = {"section 1": made.slides[0], "section 2": made.slides[1]}
    >>> result = sr.place(slides, made.cells, method="knn")
    >>> result.adata.obsm["spatial"].shape
    (400, 2)
    >>> bool(result.adata.obs["expected_error"].median() > 0)  # µm
    True
    """
    given = (method, seed, folder, resume, progress, should_stop, model, config)
    run = begin("place", "place", *given)
    chosen = _config_beside(run.info, config, settings, model)
    ready = loaded(run.info, model)
    slides, cells = prepare_inputs(references, query, query_name, chosen, ready)
    if model is None:
        display_number([slide.name for slide in slides], display)
    target = None if register_to is None else target_of(references, display, register_to)
    known = encoder_for(run.info, encoder, model)
    pairs = masks_for(run.info, masks, slides, model)
    with run.timed(slides, cells, chosen, device, ready):
        fitted = run.fitted(slides, cells, chosen, device, ready, encoder=known, masks=pairs)
        number = display_number(fitted.reference.names, display)
        placement = fitted.place(cells, display=number, reporter=run.reporter)
    info = fitted.reference.slides[number]
    frame = Frame(info.unit, info.um_per_unit, references.get(info.name))
    run.record.settings["display"] = info.name
    if target is not None:
        placement, quality = registered(placement, target, run.reporter)
        run.record.metrics |= quality
        frame = Frame(contract.unit(target.slide), target.image.um_per_unit, target.slide)
        run.record.settings["registered_to"] = target.image.name
    slides = [slide.without_counts() for slide in slides]
    cells = cells.without_counts()
    return placed(run.record, fitted, placement, query, (*slides, cells), frame)


@takes_spatialdata
def impute_locations(
    query: Table,
    landmarks: Landmarks,
    *,
    references: Mapping[str, Table] | None = None,
    method: str = default_for("impute-locations"),
    config: Config | None = None,
    settings: Settings | None = None,
    seed: int = 0,
    device: str = "auto",
    model: Trained | None = None,
    bend: bool = False,
    folder: str | Path | None = None,
    resume: bool = False,
    query_name: str = "query",
    progress: ProgressCallback | None = None,
    should_stop: ShouldStop | None = None,
) -> PlaceResult:
    """Place all cells of a query, given the known positions of some (eq. 6-7 of dp-VAE).

    Parameters
    ----------
    landmarks
        Rows of the query and their places (x, y); see `read_landmarks`.
    references
        Training slides. Without any (and without `model`), the landmark cells themselves are the
        training slide.
    config, settings, model
        As in `place`.
    bend
        Whether the smooth residual of 20 landmarks or more moves the cells too, where it predicts
        landmarks that it has not seen (`geometry.bending.residual_field`).
    query
        Cells: counts. Coordinates it may have are not read.
    method
        See ``spatialrecon methods``.
    seed
        Seed; the same seed on the same machine gives the same bytes.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
    folder, resume
        Folder in which a stopped run keeps its state; whether to go on from there.
    query_name
        Name of the cells in messages, in the record and in the result.
    progress, should_stop
        Receives a `Progress` about ten times a second; returns True to stop within a step.

    Returns
    -------
    PlaceResult
        In the frame of the landmarks. Hard landmarks lie exactly where they were set.

    Examples
    --------
    >>> import napari_spatialrecon as sr
    >>> known = sr.read_landmarks("known.csv", cells.obs_names)  # doctest: +SKIP
    >>> around = sr.impute_locations(cells, known, method="dpvae")  # doctest: +SKIP
    """
    run = begin(
        "impute-locations", "impute-locations", method, seed, folder, resume, progress, should_stop
    )
    chosen = _config_beside(run.info, config, settings, model)
    references = dict(references or {})
    landmarks.check_cells(query.n_obs)
    learned = not references and model is None
    if learned:
        references = {"landmarks": located(query, landmarks)}
    slides = prepare_slides(references, chosen)
    cells = contract.prepare_query(query, query_name)
    known = among(landmarks, cells)
    fitted = run.fitted(slides, cells, chosen, device, loaded(run.info, model))
    unit, scale = contract.unit(query), contract.um_per_unit(query)
    if scale is None:
        unit, scale = fitted.reference.slides[0].unit, fitted.reference.slides[0].um_per_unit
    placement = fitted.impute(
        cells, known, um_per_unit=scale, learned=learned, reporter=run.reporter
    )
    if bend:
        run.record.settings["bend"] = True
        places = apply_bend(placement.coordinates, placement.layout, known)
        placement = replace(placement, coordinates=places)
    run.record.settings["landmarks"] = {
        str(query.obs_names[i]): [float(x), float(y)]
        for i, (x, y) in zip(landmarks.indices, landmarks.places, strict=True)
    }
    frame = Frame(unit, scale, query)
    return placed(run.record, fitted, placement, query, (*slides, cells), frame)


def _config_beside(
    info: MethodInfo, config: Config | None, settings: Settings | None, model: object
) -> Config:
    """Return the config of a run; settings next to a model, which has its own, are rejected."""
    if model is not None and settings:
        raise InputError(
            "Expected either settings or a fitted model with its own settings, found both.",
            remedy=f"Try without settings, or without {argument('model')}.",
        )
    return chosen_config(info, None if model is not None else config, settings)
