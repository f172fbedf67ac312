"""Means over seeds, ranks among contestants, and the accuracy score."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from napari_spatialrecon.comparison.metrics import METRICS, Metric

Row = Mapping[str, Any]
#: Digits up to which two means count as equal.
_DIGITS = 9


@dataclass(frozen=True)
class Summary:
    """A contestant on a case, over seeds.

    Parameters
    ----------
    means, spreads
        By metric: mean, and standard deviation over seeds (None for one seed).
    """

    method: str
    title: str
    kind: str
    seeds: int
    means: Mapping[str, float]
    spreads: Mapping[str, float | None]
    seconds: float
    cpu_seconds: float
    memory_bytes: float


def summaries(rows: Iterable[Row]) -> list[Summary]:
    """Return the contestants of one case that finished, in their order."""
    by_method: dict[str, list[Row]] = {}
    for row in rows:
        if row["status"] == "done":
            by_method.setdefault(row["method"], []).append(row)
    return [_summary(alike) for alike in by_method.values()]


def _summary(alike: Sequence[Row]) -> Summary:
    first, means, spreads = alike[0], {}, {}
    for metric in METRICS[first["task"]]:
        values = [r["metrics"].get(metric.name) for r in alike]
        known = [v for v in values if v is not None]
        if known:
            means[metric.name] = statistics.fmean(known)
            spreads[metric.name] = statistics.stdev(known) if len(known) > 1 else None
    seconds, processor = (
        statistics.fmean(r[key] for r in alike) for key in ("seconds", "cpu_seconds")
    )
    memory = max(r["peak_memory_bytes"] for r in alike)
    told = (first["method"], first["title"], first["kind"], len(alike))
    return Summary(*told, means, spreads, seconds, processor, memory)


def ranks(found: Sequence[Summary], metric: Metric) -> dict[str, float]:
    """Return the rank of each contestant, 1 for the best; equals share the mean of their ranks.

    Examples
    --------
    >>> figures = {"a": 1, "b": 2, "c": 2}
    >>> found = [Summary(n, n, "ours", 1, {"pcc": v}, {}, 0, 0, 0) for n, v in figures.items()]
    >>> ranks(found, Metric("pcc", "PCC"))
    {'a': 3.0, 'b': 1.5, 'c': 1.5}
    """
    sign = -1 if metric.higher else 1
    known = [s for s in found if metric.name in s.means]
    values = {s.method: round(sign * s.means[metric.name], _DIGITS) for s in known}
    return {
        name: sum(other < own for other in values.values())
        + (sum(other == own for other in values.values()) + 1) / 2
        for name, own in values.items()
    }


def accuracy(rows: Sequence[Row], found: Sequence[Summary]) -> dict[str, float]:
    """Return the accuracy score of each contestant on a case, from 1 / n to 1; 1 is best.

    The mean over metrics of (n + 1 - rank) / n. Of imputed genes, contestants are ranked gene by
    gene (SpaDiT's supplement).
    """
    if len(found) < 2:
        return {}
    if found and rows[0]["task"] == "impute-genes":
        return _by_gene(rows)
    metrics = METRICS[rows[0]["task"]]
    ranked = [ranks(found, metric) for metric in metrics]
    n = len(found)
    return {
        s.method: statistics.fmean((n + 1 - r[s.method]) / n for r in ranked if s.method in r)
        for s in found
    }


def _by_gene(rows: Sequence[Row]) -> dict[str, float]:
    """Return the scores of the first seed that all contestants finished."""
    import pandas as pd

    from napari_spatialrecon.evaluation.gene_metrics import accuracy_scores

    done = [row for row in rows if row["status"] == "done"]
    methods = {row["method"] for row in done}
    for seed in sorted({row["seed"] for row in done}):
        alike = [row for row in done if row["seed"] == seed]
        if {row["method"] for row in alike} == methods:
            tables = {
                row["method"]: pd.DataFrame.from_dict(row["report"]["per_gene"], orient="index")
                for row in alike
            }
            return accuracy_scores(tables)
    return {}
