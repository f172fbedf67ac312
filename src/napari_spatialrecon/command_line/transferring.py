"""transfer: how well what is learned from each section places the others."""

from __future__ import annotations

import argparse
import sys
import threading
from typing import Any

from napari_spatialrecon.command_line.inputs import Inputs, add_reading_options
from napari_spatialrecon.command_line.options import add_common_options, add_settings, add_verb
from napari_spatialrecon.command_line.running import config_of, summarise
from napari_spatialrecon.command_line.terminal import Bar
from napari_spatialrecon.methods.registry import default_for
from napari_spatialrecon.storage import atomic_file

#: Those of `evaluation.place_metrics` that say how well a section is placed.
_METRICS = (
    *("procrustes", "spearman", "edge_auc", "trust20", "stress1"),
    *("shell_f1", "swd", "w1_knn", "pearson"),
)


def add(verbs: Any) -> None:
    """Add the command."""
    verb = add_verb(
        verbs,
        "transfer",
        "learn from each section, and place all sections by it",
        run_transfer,
        files={"out": ".csv", "picture": ".png"},
    )
    verb.add_argument(
        "--reference", metavar="SLIDE", action="append", required=True, help="two or more sections"
    )
    verb.add_argument("--out", metavar="FILE.csv", help="all metrics, a row for each pair")
    verb.add_argument("--picture", metavar="FILE.png", help="draw the matrix of one metric")
    verb.add_argument(
        "--metric", choices=_METRICS, default=_METRICS[0], help="to draw and print (procrustes)"
    )
    verb.add_argument("--method", default=default_for("impute-locations"), help="see 'methods'")
    verb.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    add_settings(verb)
    add_reading_options(verb)
    add_common_options(verb)


def run_transfer(options: argparse.Namespace, stop: threading.Event) -> None:
    """Train on each section, place all, measure, write."""
    from napari_spatialrecon.evaluation.matrix_plot import matrix_plot
    from napari_spatialrecon.evaluation.pictures import save_png
    from napari_spatialrecon.tasks.training import trained_ahead
    from napari_spatialrecon.tasks.transferring import transfer

    info = trained_ahead(options.method)
    config = config_of(info.config(), options)
    with Inputs(options) as inputs:
        slides = inputs.slides(options.reference)
    with Bar(options.progress) as bar:
        found = transfer(
            slides,
            method=info.name,
            config=config,
            seed=options.seed,
            device=options.device,
            progress=bar.show,
            should_stop=stop.is_set,
        )
    matrix = found.matrix(options.metric)
    if options.out:
        with atomic_file(options.out) as temporary:
            found.table.to_csv(temporary, index=False)
    if options.picture:
        label = f"{options.metric}, mean off the diagonal {found.mean(options.metric):.3f}"
        save_png(matrix_plot(matrix, label=label, title=info.title), options.picture)
    print(matrix.to_string(float_format="{:.3f}".format))
    print(f"mean over pairs of sections: {found.mean(options.metric):.3f}", file=sys.stderr)
    summarise({"transfer": found.table.to_dict("records")}, options)
