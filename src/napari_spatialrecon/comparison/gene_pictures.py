"""Violins of the metrics of imputed genes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from napari_spatialrecon.comparison.metrics import METRICS
from napari_spatialrecon.evaluation import palette
from napari_spatialrecon.evaluation.gene_metrics import METRICS as PER_GENE


def violins(reports: Mapping[str, Mapping[str, Any]], title: str) -> Figure:
    """Draw the genes' values of each metric, a violin with its median for each contestant.

    Parameters
    ----------
    reports
        ``per_gene`` of each contestant by its title, as in the record of a cell.
    """
    headings = {metric.name: metric.heading for metric in METRICS["impute-genes"]}
    figure = Figure((11, 1.4 + 0.42 * len(reports)), dpi=120, layout="constrained")
    figure.suptitle(
        f"{title}: every hidden gene",
        fontsize=10,
        color=palette.INK,
        x=0.01,
        ha="left",
        weight="bold",
    )
    panels = figure.subplots(1, len(PER_GENE), sharey=True)
    at = list(range(len(reports), 0, -1))
    for ax, metric in zip(panels, PER_GENE, strict=True):
        values = [
            np.array([gene[metric] for gene in report["per_gene"].values()], float)
            for report in reports.values()
        ]
        drawn = ax.violinplot(values, at, orientation="horizontal", showmedians=True, widths=0.85)
        for body in drawn["bodies"]:
            body.set(facecolor=palette.METHOD, alpha=0.45)
        for part in ("cmedians", "cbars", "cmins", "cmaxes"):
            drawn[part].set(color=palette.INK, linewidth=0.9)
        ax.set_title(headings[metric], fontsize=9, color=palette.INK, loc="left")
        ax.tick_params(labelsize=8, colors=palette.INK)
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(axis="x", color=palette.RULE, linewidth=0.6)
    panels[0].set_yticks(at, [palette.elide(name, 28) for name in reports])
    return figure
