"""Commands that place cells: place, impute-locations, train."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatialrecon.command_line.inputs import Inputs, add_reading_options
from napari_spatialrecon.command_line.options import (
    RESULT,
    add_over_memory,
    add_result_options,
    add_training_options,
    add_verb,
)
from napari_spatialrecon.command_line.outputs import check_room, resume_folder
from napari_spatialrecon.command_line.running import (
    asked,
    config_of,
    summarise,
)
from napari_spatialrecon.command_line.terminal import Bar
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.registry import default_for
from napari_spatialrecon.storage import MANIFEST

if TYPE_CHECKING:
    from napari_spatialrecon.tasks.result import PlaceResult


def add(verbs: Any) -> None:
    """Add the commands."""
    _add_place(verbs)
    _add_impute_locations(verbs)
    _add_train(verbs)


def _add_place(verbs: Any) -> None:
    verb = add_verb(
        verbs,
        "place",
        "place dissociated cells on reference slides",
        run_place,
        files={"out": RESULT, "picture": ".png"},
        folders=["save_model"],
        replaced={"save_model": MANIFEST},
    )
    verb.add_argument(
        "--reference", metavar="SLIDE", action="append", default=[], help="h5ad or Space Ranger"
    )
    verb.add_argument("--query", metavar="CELLS", required=True)
    add_result_options(verb, "PLACED.h5ad")
    verb.add_argument(
        "--display", metavar="NAME", help="reference whose coordinate frame the result uses"
    )
    verb.add_argument(
        "--onto",
        metavar="SLIDE",
        help="H&E image to register the result to; its slide is not used for training",
    )
    _add_encoder_option(verb)
    _add_placing_options(verb, default_for("place"))


def _add_impute_locations(verbs: Any) -> None:
    verb = add_verb(
        verbs,
        "impute-locations",
        "place all cells, given the known positions of some",
        run_impute,
        files={"out": RESULT, "picture": ".png"},
        folders=["save_model"],
        replaced={"save_model": MANIFEST},
    )
    verb.add_argument("--query", metavar="CELLS", required=True)
    verb.add_argument("--landmarks", metavar="FILE.csv", required=True, help="obs_name,x,y")
    verb.add_argument("--reference", metavar="SLIDE", action="append", default=[])
    verb.add_argument(
        "--bend",
        action="store_true",
        help="with 20 or more landmarks, also bend the layout smoothly",
    )
    add_result_options(verb, "PLACED.h5ad")
    _add_placing_options(verb)


def _add_train(verbs: Any) -> None:
    verb = add_verb(
        verbs,
        "train",
        "train a method once for many queries or slides",
        run_train,
        folders=["out"],
        replaced={"out": MANIFEST},
    )
    verb.add_argument("--reference", metavar="SLIDE", action="append", required=True)
    verb.add_argument("--out", metavar="DIR", required=True)
    verb.add_argument("--start-from", metavar="DIR", help="fine-tune this saved model")
    _add_encoder_option(verb)
    add_reading_options(verb)
    add_training_options(verb)


def _add_encoder_option(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--encoder",
        metavar="DIR",
        help="saved encoder whose embedding is the input (see train-encoder)",
    )


def _add_placing_options(verb: argparse.ArgumentParser, method: str | None = None) -> None:
    verb.add_argument("--model", metavar="DIR", help="use this saved model instead of training")
    verb.add_argument("--save-model", metavar="DIR", help="save the trained model")
    verb.add_argument("--picture", metavar="FILE.png", help="draw the result on the histology")
    add_reading_options(verb)
    add_training_options(verb, method)
    add_over_memory(verb)


def run_place(options: argparse.Namespace, stop: threading.Event) -> None:
    """Place cells: read, check, place, write."""
    from napari_spatialrecon.tasks.choosing import method_of
    from napari_spatialrecon.tasks.placing import place
    from napari_spatialrecon.tasks.room import table_bytes

    config = config_of(method_of(options.method, "place", options.model).config(), options)
    if not options.reference and options.model is None:
        raise InputError(
            "Expected at least one --reference or a --model, found neither.",
            remedy="Try --reference SLIDE.h5ad.",
        )
    with Inputs(options) as inputs:
        references = inputs.slides(options.reference, backed=None)
        query = inputs.table(options.query, backed=None)
        onto = None if options.onto is None else inputs.table(options.onto)
    check_room(options, table_bytes(query))
    with Bar(options.progress) as bar:
        result = place(
            references,
            query,
            method=options.method,
            config=config,
            display=options.display,
            register_to=onto,
            encoder=options.encoder,
            query_name=Path(options.query).name,
            **_run_arguments(options, bar, stop),
        )
    _finish(result, options)


def run_impute(options: argparse.Namespace, stop: threading.Event) -> None:
    """Place cells from landmarks."""
    from napari_spatialrecon.methods.registry import find_method
    from napari_spatialrecon.tasks.placing import impute_locations
    from napari_spatialrecon.tasks.room import table_bytes
    from napari_spatialrecon.tissue.landmarks import read_landmarks

    config = config_of(find_method(options.method, "impute-locations").config(), options)
    with Inputs(options) as inputs:
        query = inputs.table(options.query)
        landmarks = read_landmarks(options.landmarks, query.obs_names)
        references = inputs.slides(options.reference)
    check_room(options, table_bytes(query))
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
    """Train a method on slides and save it."""
    from napari_spatialrecon.tasks.placing_run import loaded
    from napari_spatialrecon.tasks.training import train, trained_ahead

    info = trained_ahead(options.method, options.start_from)
    base = loaded(info, options.start_from) if info.fine_tunes else options.start_from
    own = getattr(base, "config", None)
    config = config_of(info.config(), options, own)
    with Inputs(options) as inputs:
        references = inputs.slides(options.reference)
    with Bar(options.progress) as bar:
        model = train(
            references,
            method=info.name,
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
    model.record["settings"] |= asked(options)
    model.save(options.out)
    print(f"model saved: {options.out}", file=sys.stderr)
    summarise(model.record, options)


def _run_arguments(options: argparse.Namespace, bar: Bar, stop: threading.Event) -> dict[str, Any]:
    if options.model and (options.set or options.config):
        raise InputError(
            "Expected either settings or a saved model with its own settings, found both.",
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
    if options.picture:
        from napari_spatialrecon.tasks.drawing import draw_placed

        draw_placed(result.adata, options.picture)
    result.record.settings |= asked(options)
    if options.save_model:
        from napari_spatialrecon.tasks.saved import Fitted

        Fitted(result.method, result.record.to_dict()).save(options.save_model)
    path, record = result.write(options.out, add=options.add)
    for note in result.notes:
        print(f"note: {note}", file=sys.stderr)
    print(result.verdict, file=sys.stderr)
    print(f"{result.adata.n_obs} cells placed: {path} (run: {record.name})", file=sys.stderr)
    summarise(result.record.to_dict(), options)
