"""evaluate: compare a result with the truth. signal: ask a slide for a pattern in space."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatialrecon.command_line.inputs import Inputs, add_reading_options
from napari_spatialrecon.command_line.options import add_common_options, add_verb
from napari_spatialrecon.command_line.running import summarise
from napari_spatialrecon.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData


def add(verbs: Any) -> None:
    """Add the command."""
    verb = add_verb(
        verbs,
        "evaluate",
        "compare a result with the truth",
        run_evaluate,
        files={"picture": ".png", "curves": ".png", "distances": ".png", "similarity": ".png"},
    )
    verb.add_argument("task", choices=("place", "genes", "super-resolve", "deconvolve"))
    verb.add_argument("--truth", metavar="A.h5ad", required=True)
    verb.add_argument("--prediction", metavar="B.h5ad", required=True)
    verb.add_argument(
        "--beside",
        metavar="C.h5ad",
        action="append",
        default=[],
        help="another method's result: for genes to rank them by accuracy score, for place in the "
        "pictures of --curves and --distances (repeatable)",
    )
    verb.add_argument(
        "--curves",
        metavar="FILE.png",
        help="place: shell F1, LRMSE, CalErr and the ROC of neighbors",
    )
    verb.add_argument(
        "--distances", metavar="FILE.png", help="place: predicted against true distances"
    )
    verb.add_argument(
        "--picture", metavar="FILE.png", help="place: both maps; genes: reliability diagram"
    )
    verb.add_argument(
        "--similarity",
        metavar="FILE.png",
        help="genes: how alike they are to one another, measured and imputed, as heat maps",
    )
    verb.add_argument(
        "--color",
        metavar="COLUMN",
        help="obs column or gene to color by; super-resolve: labels with which to compare clusters",
    )
    add_reading_options(verb)
    add_common_options(verb)
    verb = add_verb(
        verbs,
        "signal",
        "test whether expression on a slide has a spatial pattern",
        run_signal,
        files={"picture": ".png"},
    )
    verb.add_argument("--slide", metavar="SLIDE", required=True)
    verb.add_argument(
        "--picture", metavar="FILE.png", help="draw difference in expression against distance"
    )
    add_reading_options(verb)
    add_common_options(verb)


def run_signal(options: argparse.Namespace, stop: threading.Event) -> None:
    """Print how expression on a slide is arranged in space, beside shuffles of its spots."""
    from napari_spatialrecon.tasks.signal import spatial_signal

    with Inputs(options) as inputs:
        slide, name = inputs.table(options.slide), Path(options.slide).name
    found = spatial_signal(slide, seed=options.seed, name=name)
    print(f"{name}: {found.text}")
    print(
        f"Distance in space and in expression: Spearman {found.mantel:.3f} over pairs of spots, "
        f"p {found.mantel_p_value:.2f} of shuffles."
    )
    curve = zip(found.distances, found.differences, strict=True)
    rows = [f"{apart:12,.0f}{difference:12.3f}" for apart, difference in curve]
    print("\n".join([f"{f'{found.unit} apart':>12}{'difference':>12}", *rows]))
    if options.picture:
        from napari_spatialrecon.evaluation.pictures import save_png
        from napari_spatialrecon.evaluation.signal_plot import signal_plot

        save_png(signal_plot(found, title=name), options.picture)
    summarise(found.record(), options)


def run_evaluate(options: argparse.Namespace, stop: threading.Event) -> None:
    """Evaluate a result against the truth."""
    if options.picture and options.task not in ("place", "genes"):
        raise InputError(f"Expected --picture with place or genes, found {options.task}.")
    drawn = {kind: path for kind in ("curves", "distances") if (path := getattr(options, kind))}
    if drawn and options.task != "place":
        raise InputError(f"Expected --{min(drawn)} with place, found {options.task}.")
    if options.similarity and options.task != "genes":
        raise InputError(f"Expected --similarity with genes, found {options.task}.")
    if options.beside and not (drawn or options.task == "genes"):
        raise InputError(
            f"Expected --beside with genes, or --curves or --distances, found {options.task}."
        )
    with Inputs(options) as inputs:
        truth, prediction = inputs.table(options.truth), inputs.table(options.prediction)
        beside = {path: inputs.table(path) for path in options.beside}
    report = _REPORTS[options.task](truth, prediction, options)
    if drawn:
        _draw_accuracy(truth, {options.prediction: prediction, **beside}, drawn)
    if beside and options.task == "genes":
        report |= _scores(truth, {options.prediction: prediction, **beside})
    if options.similarity:
        _draw_similarity(truth, prediction, options.similarity)
    if options.picture and options.task == "genes":
        _draw_genes(report, options.picture)
    elif options.picture:
        from napari_spatialrecon.tasks.drawing import draw_placed

        draw_placed(prediction, options.picture, truth=truth, color=options.color)
    if options.json is None:
        options.json = "-"
    summarise(report, options)


def _place(truth: AnnData, prediction: AnnData, options: argparse.Namespace) -> dict[str, Any]:
    from napari_spatialrecon.evaluation.calibration import stated_sentence
    from napari_spatialrecon.evaluation.evaluate import evaluate_place

    found = evaluate_place(truth, prediction, seed=options.seed)
    if "stated" in found:
        of = {"um": "µm"}.get(found["stated"]["unit"], "units")
        print(stated_sentence(found["stated"], of), file=sys.stderr)
    return found


def _genes(truth: AnnData, prediction: AnnData, options: argparse.Namespace) -> dict[str, Any]:
    from napari_spatialrecon.evaluation.gene_metrics import evaluate_genes

    return evaluate_genes(truth, prediction)


def _scores(truth: AnnData, predictions: dict[str, AnnData]) -> dict[str, Any]:
    from napari_spatialrecon.evaluation.gene_metrics import accuracy_scores, gene_table, robustness

    tables = {path: gene_table(truth, table)[0] for path, table in predictions.items()}
    return {
        "accuracy_score": accuracy_scores(tables),
        "robustness": robustness(list(tables.values())),
    }


def _draw_similarity(truth: AnnData, prediction: AnnData, path: str) -> None:
    from napari_spatialrecon.evaluation.gene_metrics import similarity_of_genes
    from napari_spatialrecon.evaluation.gene_similarity import similarity_plot
    from napari_spatialrecon.evaluation.pictures import save_png

    save_png(similarity_plot(similarity_of_genes(truth, prediction)), path)


def _draw_accuracy(truth: AnnData, results: dict[str, AnnData], drawn: dict[str, str]) -> None:
    from napari_spatialrecon.comparison.place_pictures import accuracy_figures
    from napari_spatialrecon.evaluation.pictures import save_png

    named = {Path(path).stem: table for path, table in results.items()}
    named = named if len(named) == len(results) else results
    figures = accuracy_figures(truth, named)
    for kind, path in drawn.items():
        save_png(figures[kind], path)


def _draw_genes(report: dict[str, Any], path: str) -> None:
    from napari_spatialrecon.tasks.gene_report import draw_reliability

    if "reliability" not in report:
        raise InputError(
            "Expected genes with a predicted accuracy to draw, found none.",
            remedy="Try without --picture, or genes of a method that predicts it.",
            where="prediction: var",
        )
    draw_reliability(report["reliability"], path, title="Genes compared with the truth")


def _super(truth: AnnData, prediction: AnnData, options: argparse.Namespace) -> dict[str, Any]:
    from napari_spatialrecon.evaluation.super_metrics import evaluate_super

    return evaluate_super(truth, prediction, labels=options.color, seed=options.seed)


def _mixtures(truth: AnnData, prediction: AnnData, options: argparse.Namespace) -> dict[str, Any]:
    from napari_spatialrecon.evaluation.mixture_metrics import evaluate_mixtures

    return evaluate_mixtures(truth, prediction)


#: Evaluation of each task.
_REPORTS = {"deconvolve": _mixtures, "super-resolve": _super, "place": _place, "genes": _genes}
