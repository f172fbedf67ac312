"""annotate: regions of QuPath as a column of a slide, or a column as objects for QuPath."""

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
    add_result_options,
    add_verb,
)
from napari_spatialrecon.command_line.running import asked, summarise
from napari_spatialrecon.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData


def add(verbs: Any) -> None:
    """Add the command."""
    verb = add_verb(
        verbs,
        "annotate",
        "mark the spots or cells in regions drawn in QuPath; --out .geojson: write a column for it",
        run_annotate,
        files={"out": f"{RESULT}|.geojson"},
    )
    verb.add_argument("--slide", metavar="S.h5ad", required=True, help="slide or placed cells")
    verb.add_argument("--geojson", metavar="FILE", help="regions, as QuPath exports them")
    verb.add_argument(
        "--column", metavar="NAME", help="column of obs: the new one (region), or the one to write"
    )
    add_result_options(verb, "S.h5ad|FILE.geojson")
    add_reading_options(verb)
    add_common_options(verb)


def run_annotate(options: argparse.Namespace, stop: threading.Event) -> None:
    """Read, mark, write."""
    from napari_spatialrecon.tissue.alignments.qupath import COLUMN, add_regions, write_regions

    outwards = Path(options.out).suffix == ".geojson"
    if not options.geojson and not outwards:
        raise InputError(
            "Expected regions to mark, found no --geojson.",
            remedy="Try --geojson FILE, or --column NAME with --out FILE.geojson.",
        )
    if outwards and not (options.geojson or options.column):
        raise InputError(
            "Expected a column to write, found no --column.",
            remedy="Try --column with a column of obs.",
        )
    with Inputs(options) as inputs:
        slide = inputs.table(options.slide)
    column = options.column or COLUMN
    if options.geojson:
        slide = add_regions(slide, options.geojson, column=column)
    if outwards:
        path = write_regions(slide, options.out, column=column)
        print(f"{column} written for QuPath: {path}", file=sys.stderr)
        return
    _write(slide, column, options)


def _write(slide: AnnData, column: str, options: argparse.Namespace) -> None:
    from napari_spatialrecon import provenance
    from napari_spatialrecon.tasks.writing import write_result

    found = slide.obs[column].value_counts()
    record = provenance.RunRecord("annotate", "regions", {}, 0)
    record.inputs = {Path(options.slide).name: provenance.fingerprint(slide.obs_names)}
    record.settings |= asked(options)
    path, _ = write_result(options.out, slide, record, add=options.add)
    shares = ", ".join(f"{name} {number:,}" for name, number in found.items())
    print(f"{column}: {shares}; in none {slide.obs[column].isna().sum():,}", file=sys.stderr)
    print(f"{slide.n_obs:,} points: {path}", file=sys.stderr)
    summarise(record.to_dict(), options)
