"""deconvolve: estimate the cell types in each spot."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatialrecon.command_line.inputs import Inputs, add_reading_options
from napari_spatialrecon.command_line.options import (
    RESULT,
    add_common_options,
    add_device,
    add_over_memory,
    add_result_options,
    add_settings,
    add_verb,
)
from napari_spatialrecon.command_line.outputs import check_room
from napari_spatialrecon.command_line.running import asked, config_of, summarise
from napari_spatialrecon.command_line.terminal import Bar
from napari_spatialrecon.methods.registry import default_for

if TYPE_CHECKING:
    import pandas as pd

#: Types, and markers of each, whose agreement is printed.
_MOST_TYPES, _MOST_MARKERS = 15, 4


def add(verbs: Any) -> None:
    """Add the command."""
    verb = add_verb(
        verbs,
        "deconvolve",
        "estimate the cell types in each spot of a slide",
        run_deconvolve,
        files={"out": RESULT, "picture": ".png"},
    )
    verb.add_argument("--method", default=default_for("deconvolve"), help="see 'methods'")
    verb.add_argument("--slide", metavar="ST.h5ad", required=True)
    verb.add_argument("--reference", metavar="SC.h5ad", required=True)
    verb.add_argument(
        "--labels",
        metavar="COLUMN",
        required=True,
        help="obs column of cell types in the reference",
    )
    verb.add_argument(
        "--prior",
        metavar="FILE.csv",
        help="known shares or numbers of cells: one row per spot, one column per type",
    )
    add_result_options(verb, "MIX.h5ad")
    verb.add_argument("--picture", metavar="FILE.png", help="also draw a map of each cell type")
    verb.add_argument(
        "--types", metavar="A,B", help="types in the picture; by default the twelve largest"
    )
    add_device(verb)
    add_settings(verb)
    add_over_memory(verb)
    add_reading_options(verb)
    add_common_options(verb)


def run_deconvolve(options: argparse.Namespace, stop: threading.Event) -> None:
    """Run the deconvolution: read, check, train, write."""
    from napari_spatialrecon.methods.registry import find_method
    from napari_spatialrecon.tasks.deconvolving import deconvolve
    from napari_spatialrecon.tasks.drawing import draw_types
    from napari_spatialrecon.tasks.known_shares import read_shares
    from napari_spatialrecon.tasks.room import table_bytes

    config = config_of(find_method(options.method, "deconvolve").config(), options)
    with Inputs(options) as inputs:
        slide, reference = inputs.table(options.slide), inputs.table(options.reference)
    check_room(options, table_bytes(slide))
    prior = read_shares(options.prior) if options.prior else None
    with Bar(options.progress) as bar:
        result = deconvolve(
            slide,
            reference,
            options.labels,
            method=options.method,
            config=config,
            prior=prior,
            seed=options.seed,
            device=options.device,
            slide_name=Path(options.slide).name,
            reference_name=Path(options.reference).name,
            progress=bar.show,
            should_stop=stop.is_set,
        )
    result.record.settings |= asked(options)
    path, record = result.write(options.out, add=options.add)
    if options.picture:
        types = options.types.split(",") if options.types else None
        draw_types(result.adata, options.picture, types=types)
    for note in result.notes:
        print(f"note: {note}", file=sys.stderr)
    n_types = result.proportions.shape[1]
    print(
        f"{len(result.proportions)} spots, {n_types} cell types: {path} (run: {record.name})",
        file=sys.stderr,
    )
    print("\n".join(marker_lines(result.markers)), file=sys.stderr)
    print(result.verdict, file=sys.stderr)
    summarise(result.record.to_dict(), options)


def marker_lines(markers: pd.DataFrame) -> list[str]:
    """Return how the markers bear out the most frequent types, as lines of a table."""
    shown = markers.iloc[:_MOST_TYPES]
    width = max(4, *(len(str(name)) for name in shown.index))
    lines = [f"{'type':<{width}}  share  agreement  markers"]
    for name, row in shown.iterrows():
        value = row["agreement"]
        agreement = "unknown" if value != value else f"{value:.2f}"
        genes = ", ".join(row["markers"].split(", ")[:_MOST_MARKERS]) or "none in the reference"
        genes += " (shared with other types)" if row["shared"] else ""
        lines.append(f"{name!s:<{width}}  {row['share']:>5.1%}  {agreement:>9}  {genes}")
    if more := len(markers) - len(shown):
        lines.append(f"({more} rarer types are in the result)")
    return lines
