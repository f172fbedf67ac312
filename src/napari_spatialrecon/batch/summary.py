"""What a batch came to: a row for each sample."""

from __future__ import annotations

import csv
import numbers
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_spatialrecon.batch.running import Outcome
from napari_spatialrecon.storage import atomic_file
from napari_spatialrecon.tasks import gene_result
from napari_spatialrecon.tasks.verdicts import held_out_errors, placement_verdict, split_verdict

SUMMARY = "summary.csv"
_FIRST = ("sample", "status", "reason", "method", "verdict", "warnings", "seconds", "peak_GB")


def rows_of(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return a row for each sample: how it ended, its verdict, and what its run measured."""
    return [_row(outcome) for outcome in outcomes]


def write_summary(rows: Sequence[dict[str, Any]], folder: Path) -> Path:
    """Write the table of all samples as csv; cells that a spreadsheet would run are quoted."""
    measured = sorted({name for row in rows for name in row} - set(_FIRST))
    path = folder / SUMMARY
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, [*_FIRST, *measured], restval="")
        table.writeheader()
        table.writerows({k: _safe(v) for k, v in row.items()} for row in rows)
    return path


def _row(outcome: Outcome) -> dict[str, Any]:
    record = outcome.record
    metrics = record.get("metrics")
    numeric = metrics if isinstance(metrics, dict) else {}
    numeric = {name: value for name, value in numeric.items() if _is_number(value)}
    peak: Any = record.get("peak_memory_bytes")
    seconds: Any = record.get("wall_seconds", outcome.seconds)
    return {
        "sample": outcome.job.name,
        "status": outcome.status,
        "reason": outcome.reason,
        "method": str(record.get("method", "")),
        "verdict": _verdict(str(record.get("task", "")), numeric),
        "warnings": " ".join(map(str, record.get("warnings") or ())),
        "seconds": round(float(seconds), 1) if _is_number(seconds) else "",
        "peak_GB": round(float(peak) / 1e9, 2) if _is_number(peak) else "",
        **numeric,
    }


def _verdict(task: str, metrics: dict[str, float]) -> str:
    if task in ("place", "impute-locations"):
        return placement_verdict(held_out_errors({"metrics": metrics})).text
    if task == "impute-genes":
        return gene_result.verdict(metrics)
    return split_verdict(metrics).text if task == "super-resolve" and "fd" in metrics else ""


def _is_number(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _safe(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t" and value else value
