"""train-encoder: train an encoder on its own."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path
from typing import Any

from napari_spatialrecon.command_line.inputs import Inputs, add_reading_options
from napari_spatialrecon.command_line.options import add_training_options, add_verb
from napari_spatialrecon.command_line.outputs import resume_folder
from napari_spatialrecon.command_line.running import (
    asked,
    config_of,
    summarise,
)
from napari_spatialrecon.command_line.terminal import Bar
from napari_spatialrecon.storage import MANIFEST


def add(verbs: Any) -> None:
    """Add the command."""
    verb = add_verb(
        verbs,
        "train-encoder",
        "train a shared embedding of slides and cells, for place --encoder",
        run_train_encoder,
        folders=["out"],
        replaced={"out": MANIFEST},
    )
    verb.add_argument("--reference", metavar="SLIDE", action="append", required=True)
    verb.add_argument("--query", metavar="CELLS", help="dissociated cells, also used for training")
    verb.add_argument("--out", metavar="DIR", required=True)
    add_reading_options(verb)
    add_training_options(verb)


def run_train_encoder(options: argparse.Namespace, stop: threading.Event) -> None:
    """Train an encoder on slides and cells, and save it."""
    from napari_spatialrecon.methods.registry import find_method
    from napari_spatialrecon.tasks.encoding import train_encoder

    config = config_of(find_method(options.method, "train-encoder").config(), options)
    with Inputs(options) as inputs:
        references = inputs.slides(options.reference)
        query = None if options.query is None else inputs.table(options.query)
    with Bar(options.progress) as bar:
        result = train_encoder(
            references,
            query,
            method=options.method,
            config=config,
            seed=options.seed,
            device=options.device,
            folder=resume_folder(options),
            resume=bool(options.resume),
            query_name=Path(options.query or "query").name,
            progress=bar.show,
            should_stop=stop.is_set,
        )
    result.record.settings |= asked(options)
    result.write(options.out)
    for note in result.notes:
        print(f"note: {note}", file=sys.stderr)
    print(result.verdict, file=sys.stderr)
    print(f"encoder saved: {options.out}", file=sys.stderr)
    summarise(result.record.to_dict(), options)
