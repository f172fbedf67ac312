"""Verbs that place cells: place, impute-locations, train."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatialrecon.command_line.options import add_training_options, add_verb
from napari_spatialrecon.command_line.outputs import resume_folder
from napari_spatialrecon.command_line.running import (
    asked,
    config_of,
    read_slides,
    read_table,
    summarise,
)
from napari_spatialrecon.command_line.super_resolution import run_train_super
from napari_spatialrecon.command_line.terminal import Bar
from napari_spatialrecon.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_spatialrecon.tasks.placing import Onto
    from napari_spatialrecon.tasks.result import PlaceResult


def add(verbs: Any) -> None:
    """Add the verbs."""
    _add_place(verbs)
    _add_impute_locations(verbs)
    _add_train(verbs)


def _add_place(verbs: Any) -> None:
    verb = add_verb(
        verbs,
        "place",
        "place dissociated cells on reference slides",
        run_place,
        files={"out": ".h5ad", "picture": ".png"},
        folders=["save_model"],
        replaced=["save_model"],
    )
    verb.add_argument(
        "--reference", metavar="SLIDE", action="append", default=[], help="h5ad or Space Ranger"
    )
    verb.add_argument("--query", metavar="CELLS", required=True)
    verb.add_argument("--out", metavar="PLACED.h5ad", required=True)
    verb.add_argument("--display", metavar="NAME", help="reference whose frame the result has")
    verb.add_argument(
        "--onto", metavar="SLIDE", help="lay the result on this slide's H&E, by its image alone"
    )
    _add_encoder_option(verb)
    _add_placing_options(verb)


def _add_impute_locations(verbs: Any) -> None:
    verb = add_verb(
        verbs,
        "impute-locations",
        "place all cells from the known places of some",
        run_impute,
        files={"out": ".h5ad", "picture": ".png"},
        folders=["save_model"],
        replaced=["save_model"],
    )
    verb.add_argument("--query", metavar="CELLS", required=True)
    verb.add_argument("--landmarks", metavar="FILE.csv", required=True, help="obs_name,x,y")
    verb.add_argument("--reference", metavar="SLIDE", action="append", default=[])
    verb.add_argument(
        "--bend", action="store_true", help="let 20 landmarks or more bend the layout smoothly too"
    )
    verb.add_argument("--out", metavar="PLACED.h5ad", required=True)
    _add_placing_options(verb)


def _add_train(verbs: Any) -> None:
    verb = add_verb(
        verbs,
        "train",
        "train a method once, for many queries or slides",
        run_train,
        folders=["out"],
        replaced=["out"],
    )
    verb.add_argument("--reference", metavar="SLIDE", action="append", required=True)
    verb.add_argument("--out", metavar="DIR", required=True)
    verb.add_argument("--start-from", metavar="DIR", help="fine-tune this saved model")
    _add_encoder_option(verb)
    add_training_options(verb)


def _add_encoder_option(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--encoder", metavar="DIR", help="saved encoder that gives GEARS its input")


def _add_placing_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--model", metavar="DIR", help="use this saved model instead of training")
    verb.add_argument("--save-model", metavar="DIR", help="keep the trained model")
    verb.add_argument("--picture", metavar="FILE.png", help="draw the result on the histology")
    add_training_options(verb)


def run_place(options: argparse.Namespace, stop: threading.Event) -> None:
    """Place cells: read, check, place, write."""
    from napari_spatialrecon.methods.registry import find_method
    from napari_spatialrecon.tasks.placing import place

    config = config_of(find_method(options.method, "place").config(), options)
    references = read_slides(options.reference)
    if not references and options.model is None:
        raise InputError(
            "Expected at least one --reference or a --model, found neither.",
            remedy="Try --reference SLIDE.h5ad.",
        )
    query = read_table(options.query)
    with Bar(options.progress) as bar:
        result = place(
            references,
            query,
            method=options.method,
            config=config,
            display=options.display,
            onto=_onto(options, references),
            encoder=options.encoder,
            query_name=Path(options.query).name,
            **_run_arguments(options, bar, stop),
        )
    _finish(result, options)


def run_impute(options: argparse.Namespace, stop: threading.Event) -> None:
    """Place cells from landmarks."""
    from napari_spatialrecon.methods.registry import find_method
    from napari_spatialrecon.tasks.placing import impute_locations
    from napari_spatialrecon.tissue.landmarks import read_landmarks

    config = config_of(find_method(options.method, "impute-locations").config(), options)
    query = read_table(options.query)
    landmarks = read_landmarks(options.landmarks, query.obs_names)
    references = read_slides(options.reference)
    with Bar(options.progress) as bar:
        result = impute_locations(
            query,
            landmarks,
            references=references,
            method=options.method,
            config=config,
            bend=options.bend,
            query_name=Path(options.query).name,
            **_run_arguments(options, bar, stop),
        )
    _finish(result, options)


def run_train(options: argparse.Namespace, stop: threading.Event) -> None:
    """Train a method on slides and keep it."""
    from napari_spatialrecon.methods.registry import find_method, methods_for
    from napari_spatialrecon.tasks.placing import train

    if options.method in [info.name for info in methods_for("super-resolve")]:
        run_train_super(options, stop)
        return
    info = find_method(options.method, "place")
    base = info.method().load(options.start_from) if options.start_from else None
    config = config_of(info.config(), options, None if base is None else base.config)
    references = read_slides(options.reference)
    with Bar(options.progress) as bar:
        fitted, record = train(
            references,
            method=options.method,
            config=config,
            seed=options.seed,
            device=options.device,
            folder=resume_folder(options),
            resume=bool(options.resume),
            start_from=base,
            encoder=options.encoder,
            progress=bar.show,
            should_stop=stop.is_set,
        )
    record.settings |= asked(options)
    fitted.save(options.out)
    record.write(Path(options.out) / "run.json")
    print(f"model saved: {options.out}", file=sys.stderr)
    summarise(record.to_dict(), options)


def _run_arguments(options: argparse.Namespace, bar: Bar, stop: threading.Event) -> dict[str, Any]:
    if options.model and (options.set or options.config):
        raise InputError(
            "Expected settings or a saved model, which has its own, found both.",
            remedy="Try without --set and --config, or without --model.",
        )
    return {
        "seed": options.seed,
        "device": options.device,
        "model": options.model,
        "folder": resume_folder(options),
        "resume": bool(options.resume),
        "progress": bar.show,
        "should_stop": stop.is_set,
    }


def _finish(result: PlaceResult, options: argparse.Namespace) -> None:
    if options.save_model:
        result.method.save(options.save_model)
    if options.picture:
        from napari_spatialrecon.tasks.drawing import draw_placed

        draw_placed(result.adata, options.picture)
    result.record.settings |= asked(options)
    path, record = result.write(options.out)
    for note in result.notes:
        print(f"note: {note}", file=sys.stderr)
    print(result.verdict, file=sys.stderr)
    print(f"{result.adata.n_obs} cells placed: {path} (run: {record.name})", file=sys.stderr)
    summarise(result.record.to_dict(), options)


def _onto(options: argparse.Namespace, references: dict[str, AnnData]) -> Onto | None:
    """Return the H&E to lay the result on, beside that of the slide it first lies on."""
    if options.onto is None:
        return None
    from napari_spatialrecon.tasks.placing import Onto
    from napari_spatialrecon.tissue.images import histology

    names = list(references)
    shown = options.display or (names[0] if names else None)
    if shown not in references:
        raise InputError(
            f"Expected the reference slide to lay on {options.onto}, found {shown!r}.",
            remedy="Try --display with the name of a reference that has an H&E image.",
        )
    target = read_table(options.onto)
    images = []
    source = options.reference[names.index(shown)]
    for path, slide in ((source, references[shown]), (options.onto, target)):
        image = histology(slide, Path(path).parent)
        if image is None:
            raise InputError(
                "Expected an H&E image to lay the result on, found none.",
                remedy="Try slides with an image, or leave out --onto.",
                where=str(path),
            )
        images.append(image)
    return Onto(images[0], images[1], target)
