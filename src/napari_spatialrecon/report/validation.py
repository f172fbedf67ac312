"""How good a result is by what the run held out: in words, and beside its yardsticks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.mixture_metrics import proportions_of
from napari_spatialrecon.methods.registry import baseline_for, methods_for
from napari_spatialrecon.report.parts import Bar, Line, Section
from napari_spatialrecon.report.run import PLACING, Run
from napari_spatialrecon.report.tried import choice_of, tried_table
from napari_spatialrecon.tasks import gene_result
from napari_spatialrecon.tasks.comparing import (
    Comparison,
    compare,
    lies_on_own_slide,
    measured_places,
)
from napari_spatialrecon.tasks.measures import MEASURES, Measure
from napari_spatialrecon.tasks.verdicts import (
    Verdict,
    held_out_errors,
    mixture_verdict,
    placement_verdict,
    split_verdict,
)
from napari_spatialrecon.tissue.slots import BEFORE

_HELD_OUT = {
    "place": "A quarter of the spots of each slide, drawn at random, was taken away before "
    "features were fitted; the method was trained on the rest and placed them like cells. "
    "Neighbors of a held-out spot stay in training, so cells of another experiment may lie "
    "further off.",
    "impute-genes": "Shared genes were hidden from training, and their maps compared with the "
    "measurement.",
    "super-resolve": "The slide was seen coarser, blocks of its own spots were split, and the "
    "parts compared with the measured spots.",
}
#: Correlation with the truth below which maps of genes are unreliable.
_ROUGH = 0.3
#: What a yardstick is called here.
_NAMES = {"center": "All at the tissue center"}
_HELD_OUT["impute-locations"] = _HELD_OUT["place"]


def verdict(run: Run) -> Verdict:
    """Return how far to trust a result, in a sentence."""
    metrics = run.metrics
    if run.task in PLACING:
        return placement_verdict(held_out_errors({"metrics": metrics}))
    if run.task == "deconvolve":
        shares = proportions_of(run.adata, run.name)
        found = mixture_verdict(shares.to_numpy(float), list(shares.columns), (), metrics)
        measured = "pseudo_error" in metrics
        return replace(found, doubtful=bool(run.warnings), measured=measured)
    if run.task == "impute-genes":
        own = metrics.get("held_out_pcc", metrics.get("hidden_pcc", np.nan))
        low = own < max(_ROUGH, metrics.get("held_out_baseline_pcc", -1.0))
        text = gene_result.verdict(metrics)
        return Verdict(text, bool(low or run.warnings), bool(np.isfinite(own)))
    if "fd" not in metrics:
        return Verdict("The record holds no measurement of the split.", True, False)
    return split_verdict(metrics)


def validation_section(run: Run) -> Section:
    """Return the verdict, its numbers as bars, and the methods that were tried, if several were."""
    found, choice = verdict(run), choice_of(run)
    bars = bars_of(run)
    compared = found.measured and len(bars) > 1
    tone = "warning" if found.doubtful else "good" if compared else "quiet"
    text = [_HELD_OUT[run.task]] if bars and run.task in _HELD_OUT else []
    if run.task == "deconvolve":
        text.append(
            "The true mixture of these spots is not known. Marker genes of a type, taken from the "
            "reference, show whether the spots that got much of it also express it; the spots' "
            "counts were used to find the mixture, so this is not an independent test."
        )
    return Section(
        "validation",
        "Validation",
        tuple(text),
        tuple(filter(None, [(tone, found.text), _measured(run)])),
        bars,
        () if choice is None else (tried_table(choice),),
    )


def _measured(run: Run) -> Line | None:
    """Return how far placed cells are from measured places that they had, if they had any."""
    between = measured(run)
    if between is None:
        return None
    um = between.unit == "um"
    half, most = (
        f"{value:,.0f} µm" if um else f"{value:,.4g} {between.unit}"
        for value in (between.median, between.p90)
    )
    said = (
        "The cells had measured places, which the run did not read: half of the "
        f"{len(between.obs_names):,} cells lie within {half} of them, nine of ten within {most}."
    )
    return "quiet", " ".join([said, *between.notes])


def measured(run: Run) -> Comparison | None:
    """Return placed cells beside measured places that they had before; None without any.

    Only places in the frame of the result are comparable: those of cells that were registered to
    their own slide.
    """
    own_slide = lies_on_own_slide(run.settings)
    if run.task not in PLACING or BEFORE not in run.adata.obsm or not own_slide:
        return None
    try:
        own = measured_places(run.adata)
        return compare(own, run.adata, same_frame=True, names=("what was measured", "the result"))
    except InputError:
        return None


def measure_of(run: Run) -> tuple[Measure, dict[str, float]] | None:
    """Return the measure of a result and its metrics, as far as the record has one."""
    metrics = {name: value for name, value in run.metrics.items() if np.isfinite(value)}
    if coarse := [value for name, value in metrics.items() if name.startswith("coarse_error_")]:
        metrics["coarse_error"] = min(coarse)
    if run.record.get("method") == _baseline(run.task):
        for measure in MEASURES.get(run.task, ()):
            for name, title, _ in measure.yardsticks:
                if not title and name in metrics:
                    metrics.setdefault(measure.own, metrics[name])
    found = next((m for m in MEASURES.get(run.task, ()) if m.own in metrics), None)
    return None if found is None else (found, metrics)


def bars_of(run: Run) -> tuple[Bar, ...]:
    """Return the number of a result and those it is held against."""
    known = measure_of(run)
    if known is None:
        return ()
    measure, metrics = known
    own = metrics[measure.own]
    is_baseline = run.record.get("method") == _baseline(run.task)
    numbers = [(run.method, own, measure.tip.format(measure.text(own)), True)]
    for name, title, tip in measure.yardsticks:
        if name in metrics and (title or not is_baseline):
            named = _NAMES.get(title, title) or baseline_for(run.task).title
            numbers.append((named, metrics[name], tip, False))
    if run.task == "super-resolve":
        numbers.append(("Even split", 1.0, "Every part of a spot gets the same share", False))
    top = max(0.0 if measure.unit else 1.0, *(value for _, value, _, _ in numbers)) or 1.0
    return tuple(
        Bar(
            name,
            measure.prefix + measure.text(value),
            max(0.0, value) / top,
            f"{tip}.",
            mine,
        )
        for name, value, tip, mine in numbers
    )


def _baseline(task: str) -> str:
    known = any(info.page == "baselines" for info in methods_for(task))
    return baseline_for(task).name if known else ""
