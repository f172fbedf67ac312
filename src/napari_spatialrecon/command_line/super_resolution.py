"""super-resolve: split the counts of spots over sub-spots."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path
from typing import Any

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
from napari_spatialrecon.command_line.running import (
    asked,
    config_of,
    summarise,
)
from napari_spatialrecon.command_line.terminal import Bar
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.registry import default_for

#: Part of the counts of sub-spots that is on disk, since most are zero and they are compressed.
_FILLED = 0.25


def add(verbs: Any) -> None:
    """Add the command."""
    verb = add_verb(
        verbs,
        "super-resolve",
        "split the counts of spots over sub-spots, preserving totals",
        run_super_resolve,
        files={"out": RESULT},
    )
    verb.add_argument("--slide", metavar="LR", required=True, help="h5ad or Space Ranger")
    add_result_options(verb, "SR.h5ad")
    verb.add_argument(
        "--factor", default="2x2", help="rows x columns, or 7 or 9 for round spots (2x2)"
    )
    verb.add_argument(
        "--genes", metavar="A,B,C", help="names, or a file with one name per line (default: all)"
    )
    verb.add_argument("--model", metavar="DIR", help="your own generalist model")
    verb.add_argument(
        "--spot-diameter",
        type=float,
        help="diameter of round spots, in the unit of the coordinates",
    )
    verb.add_argument(
        "--guided",
        action="store_true",
        help="guide the split by the nuclear stain of the H&E image",
    )
    verb.add_argument("--method", default=default_for("super-resolve"), help="see 'methods'")
    add_device(verb)
    add_settings(verb)
    add_over_memory(verb)
    add_reading_options(verb)
    add_common_options(verb)


def run_super_resolve(options: argparse.Namespace, stop: threading.Event) -> None:
    """Run super-resolution: read, split, check that totals are preserved, write."""
    from napari_spatialrecon.tasks.choosing import method_of
    from napari_spatialrecon.tasks.room import maps_bytes
    from napari_spatialrecon.tasks.super_preflight import super_preflight
    from napari_spatialrecon.tasks.super_resolving import super_resolve
    from napari_spatialrecon.tissue.images import histology

    config = config_of(method_of(options.method, "super-resolve", options.model).config(), options)
    with Inputs(options) as inputs:
        slide, name = inputs.table(options.slide), Path(options.slide).name
    genes = _genes(options.genes)
    image = None
    if options.guided:
        image = histology(slide, Path(options.slide).parent)
        if image is None:
            raise InputError(
                "Expected an H&E image to guide the split, found none.",
                remedy="Try a slide with an image, or without --guided.",
                where=options.slide,
            )
    before = super_preflight(
        slide,
        options.factor,
        method=options.method,
        config=config,
        genes=genes,
        spot_diameter=options.spot_diameter,
        name=name,
    )
    print(before.summary, file=sys.stderr)
    check_room(options, maps_bytes(before.spots * before.parts, before.genes) * _FILLED)
    with Bar(options.progress) as bar:
        result = super_resolve(
            slide,
            options.factor,
            method=options.method,
            genes=genes,
            config=config,
            seed=options.seed,
            device=options.device,
            model=options.model,
            spot_diameter=options.spot_diameter,
            histology=image,
            name=name,
            progress=bar.show,
            should_stop=stop.is_set,
        )
    result.record.settings |= asked(options)
    path, record = result.write(options.out, add=options.add)
    for note in result.notes:
        print(f"note: {note}", file=sys.stderr)
    print(result.verdict, file=sys.stderr)
    print(f"{result.adata.n_obs} sub-spots: {path} (run: {record.name})", file=sys.stderr)
    summarise(result.record.to_dict(), options)


def _genes(text: str | None) -> list[str] | None:
    if text is None:
        return None
    if (
        "," not in text and Path(text).is_file()
    ):  # a long list would exceed the length of a file name
        words = Path(text).read_text(encoding="utf-8").splitlines()
    else:
        words = text.split(",")
    return [word.strip() for word in words if word.strip()]
