"""validate: hold truth of the user's own data out, and see whether a method finds it."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path
from typing import Any

from napari_spatialrecon.command_line.inputs import Inputs, add_reading_options
from napari_spatialrecon.command_line.options import add_common_options, add_settings, add_verb
from napari_spatialrecon.command_line.running import asked, config_of, summarise
from napari_spatialrecon.command_line.terminal import Bar
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.registry import default_for

#: File that identifies the folder of a validation; `tasks.validation.result.RECORD`.
_RECORD = "validation.json"


def add(verbs: Any) -> None:
    """Add the command, with a task of its own for each kind of truth."""
    about = "hold truth of your own data out: is a method better than its baselines?"
    verb = verbs.add_parser("validate", help=about, description=about)
    tasks = verb.add_subparsers(title="tasks", metavar="TASK", required=True)
    place = _add(tasks, "place", "hold out spots, sections or cells of the reference slides")
    place.add_argument(
        "--reference",
        metavar="SLIDE",
        action="append",
        required=True,
        help="h5ad or Space Ranger",
    )
    place.add_argument(
        "--query", metavar="CELLS", help="cells to place later: only genes they have are used"
    )
    place.add_argument(
        "--hold-out",
        choices=("spots", "section", "cells"),
        default="spots",
        help="a quarter of the spots (the default), each section in turn, or half of the cells",
    )
    known = _add(tasks, "impute-locations", "predict each quarter of the landmarks from the others")
    known.add_argument("--query", metavar="CELLS", required=True)
    known.add_argument("--landmarks", metavar="FILE.csv", required=True, help="obs_name,x,y")
    known.add_argument("--reference", metavar="SLIDE", action="append", default=[])
    mixtures = _add(tasks, "deconvolve", "make pseudo-spots of known mixture of the reference")
    mixtures.add_argument("--slide", metavar="ST.h5ad", required=True)
    mixtures.add_argument("--reference", metavar="SC.h5ad", required=True)
    mixtures.add_argument("--labels", metavar="COLUMN", required=True, help="obs column of types")
    genes = _add(tasks, "impute-genes", "hide measured genes of the slide")
    genes.add_argument("--slide", metavar="ST.h5ad", required=True)
    genes.add_argument("--reference", metavar="SC.h5ad", required=True)
    splits = _add(tasks, "super-resolve", "see the slide coarser, and find its own spots again")
    splits.add_argument("--slide", metavar="LR", required=True, help="h5ad or Space Ranger")
    splits.add_argument("--factor", default="2x2", help="rows x columns, or 7 or 9 (2x2)")
    splits.add_argument("--spot-diameter", type=float, help="in the unit of the coordinates")


def _add(tasks: Any, task: str, about: str) -> argparse.ArgumentParser:
    verb = add_verb(
        tasks, task, about, run_validate, folders=["out"], replaced={"out": _RECORD}
    )  # fmt: skip
    verb.set_defaults(task=task)
    verb.add_argument("--method", default=default_for(task), help="see 'methods'")
    verb.add_argument(
        "--out", metavar="FOLDER", help="write record, tables and picture; beside a run, reports "
        "of that run show it",
    )  # fmt: skip
    verb.add_argument(
        "--model", metavar="DIR", help="place: a saved model, on slides that it was not trained on"
    )
    verb.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    add_settings(verb)
    add_reading_options(verb)
    add_common_options(verb)
    return verb


def run_validate(options: argparse.Namespace, stop: threading.Event) -> None:
    """Validate a method: read, hold out, say how long it takes, run, compare, write."""
    from napari_spatialrecon.methods.registry import find_method
    from napari_spatialrecon.tasks.validation.validating import plan_validation

    if options.model and (options.set or options.config):
        raise InputError(
            "Expected either settings or a saved model with its own settings, found both.",
            remedy="Try without --set and --config, or without --model.",
        )
    config = config_of(find_method(options.method, options.task).config(), options)
    plan = plan_validation(
        options.task,
        method=options.method,
        config=config,
        model=options.model,
        seed=options.seed,
        device=options.device,
        **_inputs(options),
    )
    print(plan.summary, file=sys.stderr)
    for warning in plan.problem.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    with Bar(options.progress) as bar:
        found = plan.run(recorded=asked(options), progress=bar.show, should_stop=stop.is_set)
    for note in found.notes[len(plan.problem.warnings) :]:
        print(f"note: {note}", file=sys.stderr)
    for name, why in found.skipped.items():
        print(f"note: {name} is missing: {why}.", file=sys.stderr)
    if options.out:
        found.save(options.out)
        print(f"validation: {options.out}", file=sys.stderr)
    print(found.verdict, file=sys.stderr)
    summarise(found.described(), options)


def _inputs(options: argparse.Namespace) -> dict[str, Any]:
    """Read the inputs of a task; return them as arguments of `plan_validation`."""
    from napari_spatialrecon.tissue.landmarks import read_landmarks

    with Inputs(options) as inputs:
        if options.task == "impute-locations":
            query = inputs.table(options.query)
            return {
                "query": query,
                "landmarks": read_landmarks(options.landmarks, query.obs_names),
                "references": inputs.slides(options.reference),
            }
        if options.task == "place":
            references = inputs.slides(options.reference)
            query = None if options.query is None else inputs.table(options.query)
            return {"references": references, "query": query, "hold_out": options.hold_out}
        found: dict[str, Any] = {"slide": inputs.table(options.slide)}
        found["slide_name"] = Path(options.slide).name
        if options.task == "super-resolve":
            return found | {"factor": options.factor, "spot_diameter": options.spot_diameter}
        found["reference"] = inputs.table(options.reference)
        found["reference_name"] = Path(options.reference).name
        return found | ({"labels": options.labels} if options.task == "deconvolve" else {})
