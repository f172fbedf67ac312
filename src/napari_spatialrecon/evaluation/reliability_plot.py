"""The reliability diagram: predicted against observed accuracy of genes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from napari_spatialrecon.evaluation import palette

_SIZE, _DPI = (4.8, 4.8), 150


def reliability_plot(diagram: Mapping[str, Any], *, title: str = "") -> Figure:
    """Draw a dot per gene, the bins of the diagram joined by a line, and the diagonal.

    Parameters
    ----------
    diagram
        ``bins`` (``predicted``, ``found``, ``genes`` of each) and ``error``; optionally
        ``predicted`` and ``found`` of each gene. As returned by `reliability_diagram` and stored in
        the record of a run.
    """
    bins = diagram["bins"]
    means = np.array([[b["predicted"], b["found"]] for b in bins], float).reshape(-1, 2)
    dots = np.array([diagram.get("predicted", []), diagram.get("found", [])], float)
    everything = np.concatenate([means.ravel(), dots.ravel(), [0.0]])
    low, high = min(float(everything.min()), 0.0) - 0.05, 1.02
    figure = Figure(_SIZE, dpi=_DPI, layout="constrained")
    ax = figure.subplots()
    ax.plot([low, high], [low, high], color=palette.QUIET, linewidth=1, linestyle=(0, (4, 3)))
    ax.plot(*dots, "o", color=palette.BASELINE, markersize=3, alpha=0.7)
    ax.plot(*means.T, "o-", color=palette.METHOD, linewidth=1.5, markersize=6)
    genes = int(sum(b["genes"] for b in bins))
    ax.set(
        xlim=(low, high),
        ylim=(low, high),
        aspect="equal",
        xlabel="Predicted correlation with the truth",
        ylabel="Observed correlation",
    )
    summary = (
        f"{genes:,} genes; bins deviate from the diagonal by {diagram['error']:.2f} on average"
    )
    ax.set_title(
        "\n".join(filter(None, (title, summary))), fontsize=9, color=palette.INK, loc="left"
    )
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=8, colors=palette.INK)
    return figure
