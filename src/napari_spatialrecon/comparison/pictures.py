"""Pictures of a comparison: every case's metrics, and what lies behind those of its task."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anndata
from anndata import AnnData
from matplotlib.figure import Figure

from napari_spatialrecon.comparison.cases.problem import TRUTH, same_frame
from napari_spatialrecon.comparison.gene_pictures import violins
from napari_spatialrecon.comparison.metrics import METRICS
from napari_spatialrecon.comparison.place_pictures import (
    curves,
    distances,
    distortions,
    layouts,
    scale,
)
from napari_spatialrecon.comparison.ranking import summaries
from napari_spatialrecon.comparison.stated_errors import (
    Bound,
    of_genes,
    of_mixtures,
    of_parts,
    of_places,
)
from napari_spatialrecon.comparison.stated_pictures import stated_and_found
from napari_spatialrecon.evaluation.pictures import save_png
from napari_spatialrecon.evaluation.plots import metrics_plot
from napari_spatialrecon.evaluation.reliability_plot import reliability_plot


def draw(folder: Path, cells: Sequence[Mapping[str, str]]) -> list[Path]:
    """Draw the finished cells of a comparison into its folder ``pictures``; return the files.

    Parameters
    ----------
    cells
        ``task``, ``case`` and ``path`` of each record.
    """
    by_case: dict[tuple[str, str], list[Path]] = {}
    for cell in cells:
        by_case.setdefault((cell["task"], cell["case"]), []).append(Path(cell["path"]))
    made = []
    for (task, case), paths in by_case.items():
        rows = {path: json.loads(path.read_text(encoding="utf-8")) for path in paths}
        place = folder / "pictures" / task
        for name, figure in _figures(folder, task, case, rows).items():
            made.append(save_png(figure, place / f"{case}.{name}.png"))
    return made


def _figures(
    folder: Path, task: str, case: str, rows: Mapping[Path, dict[str, Any]]
) -> dict[str, Figure]:
    found = {"metrics": _metrics(task, case, list(rows.values()))}
    first = _first_seed(rows)
    truth = anndata.read_h5ad(folder / "cases" / task / case / "truth" / TRUTH)
    made = {
        path: [anndata.read_h5ad(p) for p in sorted(path.with_suffix("").glob("part*.h5ad"))]
        for path in first
    }
    if task == "place":
        placed = layouts(truth, {rows[path]["title"]: made[path][0] for path in first})
        found["distances"] = distances(placed, case, *scale(truth))
        found["curves"] = curves(placed, case, *scale(truth))
        found["distortion"] = distortions(placed, case)
    if task == "impute-genes":
        reports = {rows[path]["title"]: rows[path]["report"] for path in first}
        found["genes"] = violins(reports, case)
        for path in first:
            if "reliability" in rows[path]["report"]:
                title = f"{rows[path]['title']}, {case}"
                figure = reliability_plot(rows[path]["report"]["reliability"], title=title)
                found[f"reliability.{path.stem.rpartition('.seed')[0]}"] = figure
    stated, unit = {}, ""
    for path in first:
        bounds, unit = _stated(task, truth, made[path], rows[path])
        if bounds:
            stated[rows[path]["title"]] = bounds
    if stated:
        found["reliability"] = stated_and_found(stated, case, unit)
    return found


def _stated(
    task: str, truth: AnnData, made: list[AnnData], row: Mapping[str, Any]
) -> tuple[list[Bound], str]:
    """Return what a contestant states of its errors beside them, and in which unit."""
    if task == "place":
        known = same_frame(truth)
        return of_places(truth, made[0], "posed_error" in row["report"] if known is None else known)
    if task == "impute-genes":
        return of_genes(truth, made), "log-normalized expression"
    if task == "deconvolve":
        return of_mixtures(truth, made[0]), "share of a spot"
    return of_parts(truth, made[0]), "counts"


def _first_seed(rows: Mapping[Path, dict[str, Any]]) -> list[Path]:
    """Return a cell of each contestant, that with its first seed."""
    chosen: dict[str, Path] = {}
    for path, row in sorted(rows.items(), key=lambda item: item[1]["seed"]):
        chosen.setdefault(row["method"], path)
    order = list(dict.fromkeys(row["method"] for row in rows.values()))
    return [chosen[method] for method in order]


def _metrics(task: str, case: str, rows: Sequence[dict[str, Any]]) -> Figure:
    found = summaries(rows)
    names = [m for m in METRICS[task] if all(m.name in s.means for s in found)]
    return metrics_plot(
        {s.title: s.means for s in found},
        baselines=[s.title for s in found if s.kind != "ours"],
        metrics=[m.name for m in names],
        labels={m.name: (m.label, m.higher) for m in names},
        title=f"{case}: ours in blue",
    )
