"""align: register a slide or a result to an image by landmark pairs or outlines."""

from __future__ import annotations

import argparse
import shlex
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
from napari_spatialrecon.command_line.outputs import check_room
from napari_spatialrecon.command_line.running import asked, summarise
from napari_spatialrecon.command_line.terminal import Bar
from napari_spatialrecon.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_spatialrecon.tasks.aligning import AlignResult

MODELS = ("similarity", "affine", "projective", "thin-plate")
FORMS = ("pairs", "keypoints", "matrix", "loupe", "spatialdata")


def add(verbs: Any) -> None:
    """Add the command."""
    verb = add_verb(
        verbs,
        "align",
        "register a slide or a result to an H&E image by landmark pairs",
        run_align,
        files={"out": RESULT, "picture": ".png", "save_alignment": ".csv|.json|.zarr"},
    )
    verb.add_argument("--slide", metavar="S.h5ad", required=True, help="slide or placed cells")
    how = verb.add_mutually_exclusive_group(required=True)
    how.add_argument(
        "--pairs",
        metavar="FILE",
        help="columns x,y,ref_x,ref_y; keypoints of Xenium Explorer; points of a SpatialData .zarr",
    )
    how.add_argument(
        "--transform",
        metavar="FILE",
        help="3 x 3 matrix of Xenium Explorer (.csv), or alignment of Loupe Browser (.json)",
    )
    how.add_argument(
        "--auto",
        action="store_true",
        help="by the outlines of spots and tissue; placed cells --onto a slide with genes: by the "
        "positions that their expression predicts",
    )
    how.add_argument("--like", metavar="ALIGNED.h5ad", help="apply the alignment of this file")
    verb.add_argument("--model", choices=MODELS, default="similarity")
    verb.add_argument(
        "--elements",
        metavar="A,B",
        help="points of --pairs .zarr: the slide's, the image's (landmarks_query,landmarks_ref)",
    )
    verb.add_argument("--no-reflection", action="store_true", help="never flip the tissue")
    verb.add_argument(
        "--smoothing",
        type=float,
        default=0.0,
        help="for thin-plate: 0 passes through every landmark",
    )
    verb.add_argument("--onto", metavar="SLIDE", help="slide whose image is the target")
    add_result_options(verb, "ALIGNED.h5ad")
    verb.add_argument("--picture", metavar="FILE.png", help="also draw the result on the histology")
    verb.add_argument(
        "--save-alignment", metavar="FILE", help="also write the alignment for another tool"
    )
    verb.add_argument(
        "--form",
        choices=FORMS,
        help="of --save-alignment: landmark pairs; points or matrix of Xenium Explorer; Loupe "
        "Browser; points of SpatialData (default: after the name of the file)",
    )
    add_reading_options(verb)
    add_common_options(verb)


def run_align(options: argparse.Namespace, stop: threading.Event) -> None:
    """Run the alignment: read, fit, transform, write."""
    if not options.smoothing >= 0:
        raise InputError(
            f"Expected a smoothing of 0 or more, found {options.smoothing:g}.",
            remedy="Try 0, or 0.01.",
            where="--smoothing",
        )
    from napari_spatialrecon.tasks.room import table_bytes

    with Inputs(options) as inputs:
        slide = inputs.table(options.slide)
        ref = inputs.table(options.onto) if options.onto else None
        like = inputs.table(options.like) if options.like else None
    check_room(options, table_bytes(slide))
    with Bar(options.progress) as bar:
        result = _align(options, slide, ref, like, bar, stop)
    if options.picture:
        from napari_spatialrecon.tasks.drawing import draw_placed

        draw_placed(result.adata, options.picture)
    result.record.settings |= asked(options)
    if options.save_alignment:
        from napari_spatialrecon.tasks.alignment_files import write_alignment

        write_alignment(result.adata, options.save_alignment, form=options.form)
    path, record = result.write(options.out, add=options.add)
    for note in result.notes:
        print(f"note: {note}", file=sys.stderr)
    if result.fit is not None:
        _print_residuals(result)
    print(f"{result.adata.n_obs} points aligned: {path} (run: {record.name})", file=sys.stderr)
    summarise(result.record.to_dict(), options)


def _align(
    options: argparse.Namespace,
    slide: AnnData,
    ref: AnnData | None,
    like: AnnData | None,
    bar: Bar,
    stop: threading.Event,
) -> AlignResult:
    from napari_spatialrecon.tasks import aligning
    from napari_spatialrecon.tasks.expected_start import align_by_expression, has_expected

    name, reflection = Path(options.slide).name, not options.no_reflection
    if like is not None:
        return aligning.apply_alignment(slide, like, name=name)
    if options.auto and ref is not None and has_expected(slide, ref):
        return align_by_expression(
            slide,
            ref,
            reflection=reflection,
            name=name,
            progress=bar.show,
            should_stop=stop.is_set,
        )
    if options.auto:
        return aligning.align_by_outline(
            slide,
            ref=ref,
            folder=Path(options.onto or options.slide).resolve().parent,
            reflection=reflection,
            name=name,
            progress=bar.show,
            should_stop=stop.is_set,
        )
    from napari_spatialrecon.tasks.alignment_files import align_by_file

    _check_kind(options)
    return align_by_file(
        slide,
        options.pairs or options.transform,
        model=options.model,
        reflection=reflection,
        smoothing=options.smoothing,
        ref=ref,
        name=name,
        **({"elements": options.elements} if options.elements else {}),
    )


def _check_kind(options: argparse.Namespace) -> None:
    """Refuse a matrix as pairs, whose --model would say nothing, and pairs as a matrix."""
    from napari_spatialrecon.tissue.alignments.forms import POINTS, sniff_form

    path = options.pairs or options.transform
    points = sniff_form(path) in POINTS
    if points and options.transform:
        raise InputError(
            "Expected a 3 x 3 matrix or an alignment of Loupe Browser, found no such file.",
            remedy=f"Try --pairs {shlex.quote(path)}.",
            where=path,
        )
    if not points and options.pairs:
        raise InputError(
            "Expected landmark pairs, found a transform.",
            remedy=f"Try --transform {shlex.quote(path)}.",
            where=path,
        )


def _print_residuals(result: AlignResult) -> None:
    assert result.fit is not None, "asked of pairs"
    um = result.um_per_unit
    unit, size = ("µm", um) if um is not None else ("units", 1.0)
    for number, (left, alone) in enumerate(
        zip(result.fit.residuals * size, result.fit.left_out * size, strict=True), 1
    ):
        print(
            f"pair {number}: residual {left:.1f} {unit}, leave-one-out {alone:.1f}", file=sys.stderr
        )
    print(f"root mean square {result.fit.rmse * size:.1f} {unit}", file=sys.stderr)
