"""What the list of results says of each: its error beside yardsticks, a verdict, time and seed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.registry import baseline_for, find_method, methods_for
from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.window.words import duration
from napari_spatialrecon.viewer.workspace.results import Result

UNKNOWN = "—"
_LABEL = 12
"""Letters of the longest title of a baseline that is shown in place of "baseline"."""
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
class Measure:
    """How good a result of a task is, as its record has it.

    Parameters
    ----------
    own
        Name of the metric in the record.
    yardsticks
        Names of the metrics that it is held against, each with a title, "" for the baseline's, and
        with what it means.
    unit
        Written behind the number, with its space.
    decimals
        Decimals shown.
    higher
        Whether a higher value is better.
    prefix
        Written before the number.
    tip
        What the number means; ``{}`` is the number.
    """

    own: str
    yardsticks: tuple[tuple[str, str, str], ...]
    unit: str
    decimals: int
    higher: bool
    prefix: str
    tip: str

    def text(self, value: float) -> str:
        """Return a value with its unit."""
        return f"{value:,.{self.decimals}f}{self.unit}"


_CENTER = "Median distance if every held-out spot were put at the center of the tissue"
_BASELINE_UM = "Median distance of the same spots if the baseline places them"
MEASURES: dict[str, tuple[Measure, ...]] = {
    "place": (
        Measure(
            "held_out_method_um",
            (
                ("held_out_baseline_um", "", _BASELINE_UM),
                ("held_out_center_um", "center", _CENTER),
            ),
            " µm",
            0,
            False,
            "",
            "Half of the spots that were hidden from training were placed within {} of their true "
            "place",
        ),
        Measure(
            "held_out_method",
            (("held_out_baseline", "", "The same error of the baseline"),),
            "",
            2,
            False,
            "error ",
            "Relative error of the distances between spots that were hidden from training: 0 is "
            "perfect, 1 useless. The record does not hold it in µm",
        ),
    ),
    "impute-genes": (
        Measure(
            "held_out_pcc",
            (("held_out_baseline_pcc", "", "Mean correlation of the baseline's maps"),),
            "",
            2,
            True,
            "correlation ",
            "Mean correlation of the maps of genes that were hidden from training with their "
            "measurement",
        ),
        Measure(
            "hidden_pcc",
            (),
            "",
            2,
            True,
            "correlation ",
            "Mean correlation of the maps of the genes that you hid with their measurement",
        ),
    ),
    "super-resolve": (
        Measure(
            "coarse_error_adapted",
            (),
            " × even split",
            2,
            False,
            "",
            "Error on blocks of the slide's own spots, over that of an even split: below 1 is a "
            "gain, 1 or more is none",
        ),
    ),
    "deconvolve": (
        Measure(
            "held_out_jsd",
            (("held_out_baseline_jsd", "", "The same divergence of the baseline"),),
            "",
            2,
            False,
            "JSD ",
            "Jensen-Shannon divergence of the types in simulated spots from the truth: 0 is "
            "perfect, 1 useless",
        ),
    ),
}
MEASURES["impute-locations"] = MEASURES["place"]


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
        Number(verdict, _summary(result)),
        tone,
        seconds,
        Number(duration(seconds) if seconds > 0 else UNKNOWN, "How long the run took"),
        Number(
            UNKNOWN if seed is None else f"seed {seed}",
            "The same seed and settings give the same result",
        ),
        Number("saved", str(result.path)) if result.path else Number("not saved", "On no disk yet"),
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
    if measure is None:
        return "accuracy unknown", "quiet"
    own = metrics[measure.own]
    if task == "super-resolve":
        good = own < 1
        return ("better than an even split", "good") if good else ("no gain over even", "warning")
    title = baseline_title(task)
    baseline = f"the {title}" if title == "baseline" else title
    if record.get("method") == baseline_for(task).name:
        return "the baseline", "quiet"
    beside = next((n for n, title, _ in measure.yardsticks if not title and n in metrics), None)
    if beside is None:
        return f"not compared with {baseline}", "quiet"
    better = own > metrics[beside] if measure.higher else own < metrics[beside]
    return (
        (f"better than {baseline}", "good")
        if better
        else (f"not better than {baseline}", "warning")
    )


def _summary(result: Result) -> str:
    """Return the verdict of the run in full."""
    said = str(getattr(result.outcome, "summary", ""))
    return said or "Reopened from a file: compared by what its record holds."
