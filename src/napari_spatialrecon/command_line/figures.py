"""figure: communities of placed cells, and genes near a placed type, as a picture and a table."""

from __future__ import annotations

import argparse
import threading
from pathlib import Path
from typing import Any

from napari_spatialrecon.command_line.inputs import Inputs, add_reading_options
from napari_spatialrecon.command_line.options import add_common_options, add_verb
from napari_spatialrecon.command_line.running import summarise
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.storage import atomic_file


def add(verbs: Any) -> None:
    """Add the command."""
    verb = add_verb(
        verbs,
        "figure",
        "draw communities of placed cells, or genes near a placed type",
        run_figure,
        files={"out": ".png", "csv": ".csv"},
    )
    verb.add_argument("what", choices=("communities", "near"))
    verb.add_argument("--prediction", metavar="B.h5ad", required=True, help="placed cells")
    verb.add_argument("--out", metavar="FILE.png", required=True)
    verb.add_argument("--csv", metavar="FILE.csv", help="the numbers, a row for each of what")
    verb.add_argument("--types", metavar="COLUMN", help="obs column of the cells' types")
    verb.add_argument("--resolution", type=float, help="communities: larger finds more (0.2)")
    verb.add_argument("--slide", metavar="SLIDE", help="near: measured spots, in the cells' frame")
    verb.add_argument("--type", metavar="NAME", help="near: the type whose vicinity is tested")
    verb.add_argument("--radius", type=float, help="near: in the slide's unit (1.5 pitches)")
    verb.add_argument("--genes", metavar="A,B", help="near: to draw, by default the type's markers")
    add_reading_options(verb)
    add_common_options(verb)


def run_figure(options: argparse.Namespace, stop: threading.Event) -> None:
    """Draw the figure and write its table."""
    from napari_spatialrecon.evaluation.pictures import save_png
    from napari_spatialrecon.report.figures import communities_figure, vicinity_figure

    near = options.what == "near"
    needed = {"--slide": options.slide, "--type": options.type}
    lacking = [name for name, value in needed.items() if near != (value is not None)]
    if lacking:
        raise InputError(
            f"Expected {' and '.join(needed)} with near{'' if near else ' alone'}, "
            f"found {options.what} {'without' if near else 'with'} {lacking[0]}."
        )
    with Inputs(options) as inputs:
        placed = inputs.table(options.prediction)
        slide = inputs.table(options.slide) if near else None
    if slide is not None:
        genes = [gene for gene in (options.genes or "").split(",") if gene]
        made = vicinity_figure(
            placed,
            slide,
            options.type,
            types=options.types,
            radius=options.radius,
            genes=genes,
            folder=Path(options.slide).parent,
        )
    else:
        chosen = {} if options.resolution is None else {"resolution": options.resolution}
        made = communities_figure(placed, types=options.types, seed=options.seed, **chosen)
    save_png(made.figure, options.out)
    if options.csv:
        with atomic_file(options.csv) as temporary:
            made.table.to_csv(temporary)
    print(made.table.head(20).to_string(float_format="{:.3g}".format))
    summarise({options.what: made.table.reset_index().to_dict("records")}, options)
