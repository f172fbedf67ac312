"""The table of a comparison, as csv and Markdown."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_spatialrecon.comparison.choice import chosen
from napari_spatialrecon.comparison.markdown import grid, number
from napari_spatialrecon.comparison.metrics import METRICS, Metric
from napari_spatialrecon.comparison.ranking import Row, Summary, accuracy, ranks, summaries
from napari_spatialrecon.storage import atomic_file

_KEYS = ("task", "case", "method", "title", "kind", "seed", "status", "reason")
_COSTS = ("seconds", "cpu_seconds", "peak_memory_bytes")


@dataclass(frozen=True)
class Table:
    """Cells of a comparison, each as its file holds it.

    Parameters
    ----------
    rows
        ``status`` is "done", "failed", "not installed" or "not run", with its ``reason``.
    """

    rows: Sequence[Row]

    def cases(self) -> Iterator[tuple[str, str, list[Row]]]:
        """Yield the task, the name and the cells of each case."""
        found: dict[tuple[str, str], list[Row]] = {}
        for row in self.rows:
            found.setdefault((row["task"], row["case"]), []).append(row)
        order = list(METRICS)
        for (task, case), rows in sorted(found.items(), key=lambda item: order.index(item[0][0])):
            yield task, case, rows

    def write(self, folder: Path) -> None:
        """Write ``table.csv``, a row for each cell, and ``table.md``."""
        names = list(dict.fromkeys(m.name for ms in METRICS.values() for m in ms))
        with atomic_file(folder / "table.csv") as path, path.open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow([*_KEYS, *names, *_COSTS])
            for row in self.rows:
                metrics = row.get("metrics", {})
                values = [metrics.get(name, "") for name in names]
                costs = [row.get(key, "") for key in _COSTS]
                writer.writerow([*(row[key] for key in _KEYS), *values, *costs])
        with atomic_file(folder / "table.md") as path:
            path.write_text(self.markdown(), encoding="utf-8")

    def markdown(self) -> str:
        """Return the tables of each task: its main metric, ranks, each case, what failed."""
        tasks = dict.fromkeys(task for task, _, _ in self.cases())
        parts = []
        for task in tasks:
            cases = {case: rows for t, case, rows in self.cases() if t == task}
            main = METRICS[task][0]
            parts += [f"## {task}", f"{main.heading}, mean over seeds ± standard deviation."]
            parts += [
                overview(cases, main),
                "Rank, mean over cases (1 is best):",
                mean_ranks(cases),
            ]
            for case, rows in cases.items():
                parts += [f"### {case}", details(rows)]
            if lost := behind(cases):
                parts += ["Where a baseline or another tool is first:", lost]
            if choice := chosen(cases):
                parts += [
                    "The automatic choice beside the best and the worst it chose from:",
                    choice,
                ]
            if gone := absent(cases):
                parts += ["Without a figure:", gone]
        return "\n\n".join(part for part in parts if part) + "\n"


def shown(summary: Summary, metric: Metric, best: float | None) -> str:
    """Return mean ± spread of a metric; the best is bold, what was not run is empty."""
    value = summary.means.get(metric.name)
    if value is None:
        return ""
    spread = summary.spreads[metric.name]
    text = number(value)
    if best is not None and number(value) == number(best):
        text = f"**{text}**"
    return text if spread is None else f"{text} ± {number(spread)}"


def best_of(found: Sequence[Summary], metric: Metric) -> float | None:
    """Return the best mean, or None for fewer than two."""
    values = [s.means[metric.name] for s in found if metric.name in s.means]
    return (max if metric.higher else min)(values) if len(values) > 1 else None


def titles(cases: dict[str, list[Row]]) -> dict[str, str]:
    """Return the title of each contestant in any case; others than ours say what they are."""
    order = {"ours": 0, "baseline": 1, "peer": 2}
    rows = sorted((r for rows in cases.values() for r in rows), key=lambda r: order[r["kind"]])
    words = {"ours": "", "baseline": " (baseline)", "peer": " (peer)"}
    return {row["method"]: row["title"] + words[row["kind"]] for row in rows}


def overview(cases: dict[str, list[Row]], metric: Metric) -> str:
    """Return a metric: cases are rows, contestants columns; a cell that failed says so."""
    names = titles(cases)
    body = []
    for case, rows in cases.items():
        found = {s.method: s for s in summaries(rows)}
        best = best_of(list(found.values()), metric)
        lacking = {row["method"]: _status(row) for row in rows if row["method"] not in found}
        cells = [shown(found[m], metric, best) if m in found else lacking.get(m, "") for m in names]
        body.append([case, *cells])
    return grid(["case", *names.values()], body)


def _status(row: Row) -> str:
    """Return why a cell is empty; what was not run stays so."""
    return "" if row["status"] == "not run" else f"*{row['status']}*"


def mean_ranks(cases: dict[str, list[Row]]) -> str:
    """Return mean ranks over the cases that all contestants finished, by metric."""
    task = next(iter(cases.values()))[0]["task"]
    names = titles(cases)
    by_case = {case: summaries(rows) for case, rows in cases.items()}
    anyone = [m for m in names if any(m == s.method for found in by_case.values() for s in found)]
    if len(anyone) < 2:
        return ""
    body = []
    for metric in METRICS[task]:
        each = [ranks(found, metric) for found in by_case.values()]
        cells = []
        for method in anyone:
            own = [r[method] for r in each if method in r]
            cells.append(f"{statistics.fmean(own):.1f} ({len(own)})" if own else "")
        body.append([metric.heading, *cells])
    scores = [accuracy(rows, by_case[case]) for case, rows in cases.items()]
    own_scores = [[s[m] for s in scores if m in s] for m in anyone]
    body.append(
        ["accuracy score ↑", *(number(statistics.fmean(v)) if v else "" for v in own_scores)]
    )
    return grid(["metric", *(names[m] for m in anyone)], body)


def details(rows: Sequence[Row]) -> str:
    """Return all metrics of a case: contestants are rows; with rank, time and memory."""
    found, metrics = summaries(rows), METRICS[rows[0]["task"]]
    if not found:
        return ""
    best = {metric.name: best_of(found, metric) for metric in metrics}
    score = accuracy(rows, found)
    body = []
    for one in found:
        cells = [
            f"{shown(one, m, best[m.name])} ({ranks(found, m)[one.method]:g})"
            if m.name in one.means
            else ""
            for m in metrics
        ]
        scored = number(score[one.method]) if one.method in score else ""
        cost = [f"{one.seconds:.1f}", f"{one.cpu_seconds:.1f}", f"{one.memory_bytes / 1e9:.2f}"]
        body.append([one.title, one.kind, str(one.seeds), *cells, scored, *cost])
    head = ["method", "kind", "seeds", *(f"{m.heading} (rank)" for m in metrics)]
    return grid([*head, "accuracy score ↑", "s", "CPU s", "GB"], body)


def behind(cases: dict[str, list[Row]]) -> str:
    """Return a line for each case and metric of which the first is none of ours."""
    lines = []
    for case, rows in cases.items():
        found = summaries(rows)
        for metric in METRICS[rows[0]["task"]]:
            known = [s for s in found if metric.name in s.means]
            own = [s for s in known if s.kind == "ours"]
            if not own or len(known) < 2:
                continue
            sign = 1 if metric.higher else -1
            first = max(known, key=lambda s: sign * s.means[metric.name])
            nearest = max(own, key=lambda s: sign * s.means[metric.name])
            if number(first.means[metric.name]) == number(nearest.means[metric.name]):
                continue
            lines.append(
                f"- {case}, {metric.label}: {first.title} {number(first.means[metric.name])}, "
                f"the best of ours {number(nearest.means[metric.name])} ({nearest.title})."
            )
    return "\n".join(lines)


def first_line(text: str) -> str:
    """Return the first line of a reason, which may be many."""
    return text.strip().splitlines()[0] if text.strip() else ""


def absent(cases: dict[str, list[Row]]) -> str:
    """Return a line for each contestant and reason for which cells have no figure."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for case, rows in cases.items():
        for row in rows:
            if row["status"] != "done":
                why = ": ".join(filter(None, (row["status"], first_line(row["reason"]))))
                reasons.setdefault((row["title"], why), []).append(f"{case} seed {row['seed']}")
    return "\n".join(f"- {t}: {why} ({', '.join(cells)})" for (t, why), cells in reasons.items())
