"""Validating a method: hold truth out, run the method and its baselines, say who is nearer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.geometry.solver.landmarks import Landmarks
from napari_spatialrecon.hyperparameters import Config
from napari_spatialrecon.methods.auto.plan import Candidate, Cost
from napari_spatialrecon.methods.registry import baseline_for, default_for, methods_for
from napari_spatialrecon.progress import ProgressCallback, ShouldStop
from napari_spatialrecon.tasks.choosing import Trained, method_of
from napari_spatialrecon.tasks.configs import Settings, chosen_config
from napari_spatialrecon.tasks.saved import Fitted, read_fitted
from napari_spatialrecon.tasks.timing import expected
from napari_spatialrecon.tasks.validation.genes import hidden_genes
from napari_spatialrecon.tasks.validation.hidden_places import KINDS, hidden_places
from napari_spatialrecon.tasks.validation.landmarks import TASK as LOCATIONS
from napari_spatialrecon.tasks.validation.landmarks import hidden_landmarks
from napari_spatialrecon.tasks.validation.mixtures import hidden_mixtures
from napari_spatialrecon.tasks.validation.plan import ValidationPlan
from napari_spatialrecon.tasks.validation.problem import Problem
from napari_spatialrecon.tasks.validation.result import Validation
from napari_spatialrecon.tasks.validation.splits import hidden_detail
from napari_spatialrecon.tasks.validation.unseen import unseen_slides
from napari_spatialrecon.tissue.sdata.inputs import Table, takes_spatialdata
from napari_spatialrecon.training.device import choose_device

#: Tasks that can be validated.
TASKS = ("place", "deconvolve", "impute-genes", "super-resolve", "impute-locations")


@takes_spatialdata
def plan_validation(
    task: str,
    *,
    references: Mapping[str, Table] | None = None,
    query: Table | None = None,
    slide: Table | None = None,
    reference: Table | None = None,
    labels: str | None = None,
    factor: str = "2x2",
    spot_diameter: float | None = None,
    landmarks: Landmarks | None = None,
    method: str | None = None,
    config: Config | None = None,
    settings: Settings | None = None,
    model: Trained | None = None,
    hold_out: str | None = None,
    seed: int = 0,
    device: str = "auto",
    slide_name: str = "slide",
    reference_name: str = "reference",
) -> ValidationPlan:
    """Return what `validate` will do, without running it.

    Parameters
    ----------
    task, references, query, slide, reference, labels, factor, spot_diameter, method, config
        As in `validate`.

    Raises
    ------
    ValidationError
        Lists every problem of the inputs.
    InputError
        There is too little to hold out, or an input is missing.
    """
    task = task.replace("_", "-")
    if task not in TASKS:
        raise InputError(
            f"Expected one of {', '.join(TASKS)}, found {task!r}.",
            remedy=f'Try "{TASKS[0]}".',
            where="task",
        )
    if model is not None:
        return _of_model(task, model, references or {}, seed, str(choose_device(device)))
    info = method_of(method or default_for(task), task, config=config)
    chosen = Candidate(info, chosen_config(info, config, settings))
    if hold_out and task != "place":
        raise InputError(
            f"Expected no choice of what to hold out for {task}, found {hold_out!r}.",
            remedy=f"Try without {argument('hold_out')}.",
        )
    problem: Problem
    if task == "place":
        kind = hold_out or KINDS[0]
        problem = hidden_places(references or {}, query, kind, seed, chosen.config)
    elif task == LOCATIONS:
        cells, known = _needed(query, "query", task), _needed(landmarks, "landmarks", task)
        problem = hidden_landmarks(cells, known, references or {}, seed, chosen.config)
    else:
        table = _needed(slide, "slide", task)
        if task == "super-resolve":
            problem = hidden_detail(table, factor, seed, slide_name, spot_diameter)
        else:
            other = _needed(reference, "reference", task)
            names = (slide_name, reference_name)
            if task == "impute-genes":
                problem = hidden_genes(table, other, seed, *names)
            else:
                column = _needed(labels, "labels", task)
                problem = hidden_mixtures(table, other, column, seed, *names)
    on = str(choose_device(device))
    rivals = methods_for("place" if task == LOCATIONS else task)
    others = [Candidate(one, one.config()()) for one in rivals if _is_other(one, info)]
    costs = [_cost(candidate, problem, on) for candidate in (chosen, *others)]
    return ValidationPlan(problem, costs, seed, on)


@takes_spatialdata
def validate(
    task: str,
    *,
    references: Mapping[str, Table] | None = None,
    query: Table | None = None,
    slide: Table | None = None,
    reference: Table | None = None,
    labels: str | None = None,
    factor: str = "2x2",
    spot_diameter: float | None = None,
    landmarks: Landmarks | None = None,
    method: str | None = None,
    config: Config | None = None,
    settings: Settings | None = None,
    model: Trained | None = None,
    hold_out: str | None = None,
    seed: int = 0,
    device: str = "auto",
    slide_name: str = "slide",
    reference_name: str = "reference",
    progress: ProgressCallback | None = None,
    should_stop: ShouldStop | None = None,
) -> Validation:
    """Hold truth of your own data out, run a method and its baselines on the rest, and compare.

    Parameters
    ----------
    task
        ``"place"``, ``"deconvolve"``, ``"impute-genes"``, ``"super-resolve"`` or
        ``"impute-locations"``.
    references, query
        Of ``place``: slides by name, and, if given, the cells that are to be placed, of which only
        the genes are read. Of ``impute-locations`` as that takes them, with `landmarks`.
    slide, reference, labels
        Of the other tasks, as these take them.
    factor, spot_diameter
        Of ``super-resolve``.
    method
        See ``spatialrecon methods``; the default of the task if None.
    config
        Hyper-parameters of the method; the quick preset if None. Baselines have their defaults.
    settings
        Single values over `config`.
    model
        Of ``place``: a saved model, on slides that it was not trained on, of which all places are
        held out. Beside it stands kNN among the slides that it was trained on.
    hold_out
        Of ``place``: ``"spots"``, a quarter drawn at random (the default, which ranks methods as
        the truth does); ``"section"``, each section in turn; ``"cells"``, half of the cells of
        slides that measure single cells. Other tasks hold out genes, pseudo-spots made from the
        reference, the slide seen coarser, or a quarter of the landmarks in turn.
    seed
        Of what is held out, of the methods and of the intervals.
    landmarks
        Of ``impute-locations``: cells whose place is known.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
    slide_name, reference_name
        Names of the inputs in messages, in the record and in the result.
    progress, should_stop
        Receives a `Progress` about ten times a second; returns True to stop within a step.

    Returns
    -------
    Validation
        ``verdict`` says it in words, ``table()`` in numbers, ``picture()`` draws it.

    Raises
    ------
    ValidationError
        Lists every problem of the inputs.
    InputError
        There is too little to hold out, or an input is missing.
    Stopped
        `should_stop` returned True.

    Examples
    --------
    >>> import napari_spatialrecon as sr
    >>> made = sr.simulate("cortex")
    >>> found = sr.validate("place", references={"A": made.slides[0]}, method="knn")
    >>> found.outcome
    'better'
    """
    plan = plan_validation(
        task,
        references=references,
        query=query,
        slide=slide,
        reference=reference,
        labels=labels,
        factor=factor,
        spot_diameter=spot_diameter,
        landmarks=landmarks,
        method=method,
        config=config,
        settings=settings,
        model=model,
        hold_out=hold_out,
        seed=seed,
        device=device,
        slide_name=slide_name,
        reference_name=reference_name,
    )
    return plan.run(progress=progress, should_stop=should_stop)


def _of_model(
    task: str, model: Trained, references: Mapping[str, Any], seed: int, device: str
) -> ValidationPlan:
    """Return the validation of a saved model, which only slides that it never saw allow."""
    known = model if isinstance(model, Fitted) else _read(model)
    if task != "place":
        raise InputError(
            f"Expected a method that is trained without what is held out of {task}, found a saved "
            "model.",
            remedy=f"Try {argument('method', known.name)} without {argument('model')}: it is "
            "trained anew.",
            where="model",
        )
    problem = unseen_slides(known, references)
    baseline = baseline_for("place")
    infos = [known.info, *([] if known.name == baseline.name else [baseline])]
    candidates = [Candidate(infos[0], known.config)]
    candidates += [Candidate(info, info.config()()) for info in infos[1:]]
    costs = [_cost(candidate, problem, device) for candidate in candidates]
    return ValidationPlan(problem, costs, seed, device)


def _read(model: Any) -> Fitted:
    return read_fitted(model) if isinstance(model, str | Path) else Fitted(model, {})


def _cost(candidate: Candidate, problem: Problem, device: str) -> Cost:
    estimate = problem.estimate(candidate)
    span = expected(estimate, problem.task, candidate.info.name, device)
    return replace(Cost.of(candidate, problem.task, device, estimate), trial=span)


def _needed(value: Any, name: str, task: str) -> Any:
    if value is None:
        raise InputError(
            f"Expected {argument(name)} for {task}, found none.",
            remedy=f"Try {argument(name)}.",
        )
    return value


def _is_other(info: Any, chosen: Any) -> bool:
    return info.page == "baselines" and info.name != chosen.name
