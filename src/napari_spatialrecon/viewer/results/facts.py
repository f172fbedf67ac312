"""What the list of results says of each: its error beside yardsticks, a verdict, time and seed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from napari_spatialrecon.durations import duration
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.registry import baseline_for, find_method, methods_for
from napari_spatialrecon.tasks.measures import MEASURES, Measure
from napari_spatialrecon.tasks.verdicts import compared, held_out_errors, placement_verdict
from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.workspace.results import Result

UNKNOWN = "—"
_LEAST_GAIN = 0.01
"""Share of an even split's error below which a gain is none."""
_LABEL = 12
"""Letters of the longest title of a baseline that is shown in place of "baseline"."""
PLACED = ("place", "impute-locations")
"""Tasks whose results are places."""
TASKS = {
    "place": "Placed cells",
    "impute-locations": "Imputed locations",
    "impute-genes": "Imputed genes",
    "super-resolve": "Super-resolved spots",
    "deconvolve": "Cell types in spots",
    "train-encoder": "Encoder",
}
"""What each task makes, by its name in `methods.registry`."""


@dataclass(frozen=True)
class Number:
    """A number as shown, and what it means."""

    text: str
    tip: str


@dataclass(frozen=True)
class Facts:
    """One result in words.

    Parameters
    ----------
    value
        Its measure, to sort by: the smaller the better; NaN if unknown.
    numbers
        The measure, then those it is held against.
    bar
        Their values over the largest, for the bar; empty if unknown.
    verdict
        In words, with its tone: "good", "warning" or "quiet".
    """

    title: str
    task: str
    method: str
    value: float
    numbers: tuple[Number, ...]
    bar: tuple[float, ...]
    verdict: Number
    tone: str
    seconds: float
    time: Number
    seed: Number
    saved: Number


def facts(result: Result) -> Facts:
    """Return what is known of a result; its record may be empty."""
    record = record_of(result)
    metrics = {
        name: float(value)
        for name, value in (record.get("metrics") or {}).items()
        if isinstance(value, int | float) and np.isfinite(value)
    }
    _let_baseline_speak(metrics, record, result.task)
    if coarse := [value for name, value in metrics.items() if name.startswith("coarse_error_")]:
        metrics["coarse_error"] = min(coarse)
    measure = next((m for m in MEASURES.get(result.task, ()) if m.own in metrics), None)
    method = method_title(str(record.get("method", "")), result.task)
    numbers, bar, value = _numbers(measure, metrics, result.task)
    verdict, tone = _verdict(measure, metrics, record, result.task)
    seconds = float(record.get("wall_seconds") or np.nan)
    seed = record.get("seed")
    return Facts(
        result.name,
        TASKS.get(result.task, result.task or "Result"),
        method,
        value,
        numbers,
        bar,
        Number(verdict, _summary(result, record)),
        tone,
        seconds,
        Number(duration(seconds) if seconds > 0 else UNKNOWN, "How long the run took"),
        Number(
            UNKNOWN if seed is None else f"seed {seed}",
            "The same seed and settings give the same result",
        ),
        Number("saved", str(result.path)) if result.path else Number("unsaved", "Not on disk yet"),
    )


def record_of(result: Result) -> Mapping[str, Any]:
    """Return a result's record; without one, the provenance that its table holds."""
    if result.record:
        return result.record
    try:
        held = json.loads(str(result.adata.uns[OURS]["provenance"]))
    except (KeyError, TypeError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}


def method_title(name: str, task: str) -> str:
    """Return the title of a method; its name if the registry does not have it."""
    try:
        return find_method(name, task).title if name else UNKNOWN
    except InputError:
        return name


@cache
def baseline_title(task: str) -> str:
    """Return the title of a task's baseline as a label; "baseline" if it has none or a long one."""
    known = any(info.page == "baselines" for info in methods_for(task))
    title = baseline_for(task).title.partition(" (")[0] if known else ""
    return title if 0 < len(title) <= _LABEL else "baseline"


def _let_baseline_speak(metrics: dict[str, float], record: Mapping[str, Any], task: str) -> None:
    """Take the error of the baseline as that of a run of the baseline itself."""
    known = any(info.page == "baselines" for info in methods_for(task))
    if not known or record.get("method") != baseline_for(task).name:
        return
    for measure in MEASURES.get(task, ()):
        for name, title, _ in measure.yardsticks:
            if not title and name in metrics:
                metrics.setdefault(measure.own, metrics[name])


def _numbers(
    measure: Measure | None, metrics: Mapping[str, float], task: str
) -> tuple[tuple[Number, ...], tuple[float, ...], float]:
    if measure is None:
        return (Number(UNKNOWN, "Nothing was held out, so the error is unknown"),), (), np.nan
    own = metrics[measure.own]
    text = measure.text(own)
    numbers, values = [Number(measure.prefix + text, measure.tip.format(text) + ".")], [own]
    for name, title, tip in measure.yardsticks:
        if name in metrics:
            beside = f"{title or baseline_title(task)} {measure.text(metrics[name])}"
            numbers.append(Number(beside, f"{tip}."))
            values.append(metrics[name])
    top = max(1.0 if measure.higher else 0.0, *values) or 1.0
    return tuple(numbers), tuple(max(0.0, v) / top for v in values), -own if measure.higher else own


def _verdict(
    measure: Measure | None, metrics: Mapping[str, float], record: Mapping[str, Any], task: str
) -> tuple[str, str]:
    """Return whether a result is better than its yardstick, and the tone."""
    if warnings := record.get("warnings"):
        return ("a warning" if len(warnings) == 1 else f"{len(warnings)} warnings"), "warning"
    if measure is None:
        return "accuracy unknown", "quiet"
    own = metrics[measure.own]
    if task == "super-resolve":
        good = own < 1 - _LEAST_GAIN
        return ("better than an even split", "good") if good else ("no gain over even", "warning")
    title = baseline_title(task)
    baseline = f"the {title}" if title == "baseline" else title
    if record.get("method") == baseline_for(task).name:
        return "the baseline", "quiet"
    beside = next((n for n, title, _ in measure.yardsticks if not title and n in metrics), None)
    if beside is None:
        return "not compared", "quiet"
    if task in PLACED:
        word = compared(held_out_errors(record))
        if word.startswith("not clearly"):  # as short as a card
            return f"no clear gain over {baseline}", "warning"
        return f"{word} {baseline}", "good" if word.startswith("better") else "warning"
    better = own > metrics[beside] if measure.higher else own < metrics[beside]
    word, tone = ("better than", "good") if better else ("not better than", "warning")
    return f"{word} {baseline}", tone


def _summary(result: Result, record: Mapping[str, Any]) -> str:
    """Return the verdict of the run in full."""
    said = str(getattr(result.outcome, "summary", "")) or " ".join(record.get("warnings", ()))
    if not said and result.task in PLACED and record.get("metrics"):
        return placement_verdict(held_out_errors(record)).text
    return said or "How good the result is, by its record."
