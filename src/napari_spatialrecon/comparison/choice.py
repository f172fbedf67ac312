"""The automatic choice beside the best and the worst single method."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence

from napari_spatialrecon.comparison.markdown import grid, number
from napari_spatialrecon.comparison.metrics import METRICS, Metric
from napari_spatialrecon.comparison.ranking import Row

#: Method whose result is that of others.
AUTO = "auto"
#: Title of a contestant, and its figure by seed.
_Figures = tuple[str, dict[int, float]]


def chosen(cases: Mapping[str, Sequence[Row]]) -> str:
    """Return a table by the main metric of a task: its mean over the seeds that all have.

    A row is of one automatic choice in one case; other tools, which it does not choose from, are
    left out, and so is a method that ran with none of its seeds. Where the choice is ahead of the
    best, it is behind by less than 0.
    """
    task = next(iter(cases.values()))[0]["task"]
    metric = METRICS[task][0]
    body = []
    for case, rows in cases.items():
        figures = _figures(rows, metric)
        singles = [f for name, f in figures.items() if not _automatic(name)]
        body += [
            [case, *_beside(one, singles, metric)]
            for name, one in figures.items()
            if _automatic(name) and singles
        ]
    head = [
        "case",
        f"auto, {metric.heading}",
        "best single",
        "worst single",
        "behind the best by",
        "seeds",
    ]
    return grid(head, body) if body else ""


def _automatic(method: str) -> bool:
    return re.split("[:,]", method)[0] == AUTO


def _figures(rows: Sequence[Row], metric: Metric) -> dict[str, _Figures]:
    found: dict[str, _Figures] = {}
    for row in rows:
        if row["status"] == "done" and row["kind"] != "peer":
            value = row["metrics"].get(metric.name)
            if value is not None:
                found.setdefault(row["method"], (row["title"], {}))[1][row["seed"]] = value
    return found


def _beside(one: _Figures, singles: Sequence[_Figures], metric: Metric) -> list[str]:
    _, own = one
    known = [(title, values) for title, values in singles if set(values) & set(own)]
    seeds = set(own).intersection(*(values for _, values in known))
    if not known or not seeds:
        return [number(statistics.fmean(own.values())), "", "", "", str(len(own))]

    def mean(values: Mapping[int, float]) -> float:
        return statistics.fmean(values[seed] for seed in seeds)

    sign = 1 if metric.higher else -1
    ranked = sorted(known, key=lambda found: sign * mean(found[1]))
    (worst, low), (best, high) = (
        (title, mean(values)) for title, values in (ranked[0], ranked[-1])
    )
    behind = sign * (round(high, 3) - round(mean(own), 3))  # of the figures that stand beside it
    return [
        number(mean(own)),
        f"{number(high)} ({best})",
        f"{number(low)} ({worst})",
        number(behind + 0.0),
        str(len(seeds)),
    ]
