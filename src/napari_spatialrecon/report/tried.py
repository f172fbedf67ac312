"""The methods that `auto` tried on held-out truth of a run's data, and what it kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.registry import MethodInfo, find_method
from napari_spatialrecon.report.parts import Table, listed
from napari_spatialrecon.report.run import PLACING, Run

#: Of each task: on what methods are tried, what is measured there, and its value from an error.
_TRIALS: dict[str, tuple[str, str, Callable[[float], float]]] = {
    "deconvolve": (
        "pseudo-spots of known mixture",
        "Jensen-Shannon distance from the true mixture (0 best)",
        float,
    ),
    "impute-genes": (
        "hidden genes",
        "Correlation with the measurement (1 best)",
        lambda error: 1.0 - error,
    ),
    "super-resolve": (
        "the slide seen coarser",
        "Correlation with the measurement (1 best)",
        lambda error: 1.0 - error,
    ),
}


@dataclass(frozen=True)
class Choice:
    """What `auto` tried and kept.

    Parameters
    ----------
    task
        Name of the task, as on the command line.
    tried
        Of each method, by its name in the record, its errors.
    kept
        Names of the methods that were kept, each with its weight in their mean.
    mean_error
        Error of that mean; None where one method was kept.
    skipped
        Title of each method that was not tried, and why.
    """

    task: str
    tried: Mapping[str, Mapping[str, float]]
    kept: Mapping[str, float]
    mean_error: float | None
    skipped: Mapping[str, str]

    @property
    def held_out(self) -> str:
        """On what the methods were tried."""
        return "held-out spots" if self.task in PLACING else _TRIALS[self.task][0]

    @property
    def title(self) -> str:
        """What was kept, in words."""
        titles = [title_of(name, self.task) for name in self.kept]
        if len(titles) == 1:
            return titles[0]
        if len(set(self.kept.values())) > 1:
            titles = [f"{t} ({w:.0%})" for t, w in zip(titles, self.kept.values(), strict=True)]
        return f"the mean of {listed(titles)}"

    @property
    def infos(self) -> list[MethodInfo]:
        """The methods that were kept, as far as they still exist, each once."""
        found = {name.partition(" ")[0]: _info(name, self.task) for name in self.kept}
        return [info for info in found.values() if info is not None]


def choice_of(run: Run) -> Choice | None:
    """Return what `auto` tried and kept; None of a run of a method that was named."""
    held = (v for v in run.settings.values() if isinstance(v, Mapping) and v.get("tried"))
    found: Mapping[str, Any] | None = next(held, None)
    if found is None:
        return None
    kept = found.get("kept") or []
    names = [kept] if isinstance(kept, str) else [str(name) for name in kept]
    mean = found.get("mean") or {}
    weights = mean.get("weights", {})
    shares = {name: float(weights.get(name, 1.0 / len(names))) for name in names}
    error = float(mean["error"]) if len(names) > 1 and "error" in mean else None
    return Choice(run.task, found["tried"], shares, error, found.get("skipped") or {})


def title_of(name: str, task: str) -> str:
    """Return the title of a method that was tried, by its name in the record."""
    info, variant = _info(name, task), name.partition(" ")[2]
    if info is None:
        return name
    return f"{info.short_title} ({variant})" if variant else info.short_title


def tried_table(choice: Choice) -> Table:
    """Return a row for each method, the best first, and for what was not tried."""
    if choice.task in PLACING:
        return _of_places(choice)
    _, measure, value = _TRIALS[choice.task]
    errors = {name: float(found["error"]) for name, found in choice.tried.items()}
    rows = [
        (
            title_of(name, choice.task) + _kept(name, choice),
            f"{value(errors[name]):.3f}",
            _gain(choice.tried[name]),
        )
        for name in sorted(errors, key=lambda name: errors[name])
    ]
    if choice.mean_error is not None:
        first = next(e for name, e in errors.items() if "gain" not in choice.tried[name])
        title = choice.title[:1].upper() + choice.title[1:]
        gain = f"{first - choice.mean_error:+.3f}"
        rows.insert(0, (f"{title} (kept)", f"{value(choice.mean_error):.3f}", gain))
    rows += [(title, "not tried", why) for title, why in choice.skipped.items()]
    head = ("Method", measure, "Better than the baseline by")
    text = f"Methods tried on {choice.held_out}, made of the inputs of this run (± standard error)"
    return Table(text, head, tuple(rows), (1,))


def _of_places(choice: Choice) -> Table:
    def error(name: str) -> float:
        found = choice.tried[name]
        return float(found.get("method", found.get("baseline", np.inf)))

    rows = []
    for name in sorted(choice.tried, key=error):
        found = choice.tried[name]
        which = "method" if "method" in found else "baseline"
        um = found.get(f"{which}_um")
        rows.append(
            (
                title_of(name, choice.task) + _kept(name, choice),
                "unknown" if um is None else f"{um:,.0f}",
                f"{found[which]:.3f}" if which in found else "unknown",
                _gain(found),
            )
        )
    rows += [(title, "not tried", "", why) for title, why in choice.skipped.items()]
    return Table(
        "Methods tried on the same held-out spots; the one with the largest gain over the baseline "
        "is kept, unless none is above half its standard error (±)",
        (
            "Method",
            "Median error, µm",
            "Relative error of distances (0 best)",
            "Better than the baseline by",
        ),
        tuple(rows),
        (1, 2),
    )


def _kept(name: str, choice: Choice) -> str:
    return " (kept)" if list(choice.kept) == [name] else ""


def _gain(found: Mapping[str, float]) -> str:
    if "gain" not in found:
        return "is the baseline"
    return f"{found['gain']:+.3f} ± {found.get('gain_noise', np.nan):.3f}"


def _info(name: str, task: str) -> MethodInfo | None:
    try:
        return find_method(name.partition(" ")[0], task)
    except InputError:
        return None
