"""evaluate: a result beside the truth."""

from __future__ import annotations

import argparse
import threading
from typing import Any

from napari_spatialrecon.command_line.options import add_common_options, add_verb
from napari_spatialrecon.command_line.running import read_table, summarise


def add(verbs: Any) -> None:
    """Add the verb."""
    verb = add_verb(
        verbs,
        "evaluate",
        "compare a result with the truth",
        run_evaluate,
        files={"picture": ".png"},
    )
    verb.add_argument("task", choices=("place",))
    verb.add_argument("--truth", metavar="A.h5ad", required=True)
    verb.add_argument("--prediction", metavar="B.h5ad", required=True)
    verb.add_argument("--picture", metavar="FILE.png", help="draw result and truth side by side")
    verb.add_argument("--color", metavar="COLUMN", help="obs column or gene to colour by")
    add_common_options(verb)


def run_evaluate(options: argparse.Namespace, stop: threading.Event) -> None:
    """Measure a result against the truth."""
    from napari_spatialrecon.evaluation.evaluate import evaluate_place

    truth, prediction = read_table(options.truth), read_table(options.prediction)
    report = evaluate_place(truth, prediction, seed=options.seed)
    if options.picture:
        from napari_spatialrecon.tasks.drawing import draw_placed

        draw_placed(prediction, options.picture, truth=truth, color=options.color)
    if options.json is None:
        options.json = "-"
    summarise(report, options)
