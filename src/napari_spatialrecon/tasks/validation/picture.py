"""The picture of a validation: methods with their intervals, and the held-out items."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_spatialrecon.evaluation import palette
from napari_spatialrecon.tasks.measures import Measure
from napari_spatialrecon.tasks.validation.words import NAMES, rival

if TYPE_CHECKING:
    from napari_spatialrecon.tasks.validation.result import Score

_SIZE, _DPI = (8.0, 4.2), 150
#: Width of a narrow picture in inches, and its resolution.
_NARROW, _FINE = 3.6, 200
#: Ground, text and lines of a light and of a dark picture.
_LIGHT = ("white", palette.INK, palette.QUIET, palette.METHOD)
_DARK = ("#262930", "#F0F1F2", "#A0A4AA", "#56B4E9")


def picture(
    scores: Sequence[Score],
    measures: Sequence[Measure],
    items: pd.DataFrame,
    title: str,
    *,
    dark: bool = False,
    narrow: bool = False,
) -> Figure:
    """Draw each method with its 95% interval, and the items on the tissue or beside a baseline.

    Parameters
    ----------
    items
        As in `Validation`.
    title
        The verdict, or nothing.
    narrow
        Draw one below the other.
    """
    ground, ink, quiet, color = _DARK if dark else _LIGHT
    if narrow:
        rows = 0.75 + 0.32 * len(scores)
        ground = "none"  # of the window
        figure = Figure((_NARROW, rows + 2.9), dpi=_FINE, layout="constrained", facecolor=ground)
        above, below = figure.subfigures(2, 1, height_ratios=(rows, 2.9), squeeze=False).ravel()
        left, right = above.subplots(), below.subplots()
    else:
        figure = Figure(_SIZE, dpi=_DPI, layout="constrained", facecolor=ground)
        left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
    _draw_methods(left, scores, measures[0], ink, quiet, color)
    if "x" in items and items["x"].notna().any():
        _draw_map(right, scores[0], measures[0], items, ink, quiet)
    else:
        _draw_pairs(right, scores, measures, items, quiet, color)
    for ax in (left, right):
        ax.set_facecolor("none")
        ax.spines[["top", "right"]].set_visible(False)
        ax.spines[["left", "bottom"]].set_color(quiet)
        ax.tick_params(labelsize=8, colors=ink)
        ax.xaxis.label.set(color=ink, fontsize=8.5)
        ax.yaxis.label.set(color=ink, fontsize=8.5)
        ax.title.set(color=ink, fontsize=9)
    if title:
        wrapped = "\n".join(textwrap.wrap(title, 118))
        figure.suptitle(wrapped, x=0.01, ha="left", fontsize=8.5, color=ink)
    return figure


def _draw_methods(
    ax: Axes, scores: Sequence[Score], measure: Measure, ink: str, quiet: str, color: str
) -> None:
    known = [(s, value) for s in scores if (value := s.values[0]) is not None]
    for row, (score, value) in enumerate(known):
        own = score is scores[0]
        shade = color if own else quiet
        ax.plot([value.low, value.high], [row, row], color=shade, linewidth=2.5)
        ax.plot([value.value], [row], "o", color=shade, markersize=8 if own else 6)
        text = measure.text(value.value)
        weight = "bold" if own else "normal"
        ax.annotate(
            text, (value.value, row), (0, 8), textcoords="offset points", ha="center",
            fontsize=8, color=ink, weight=weight,
        )  # fmt: skip
    labels = [palette.elide(score.title, 30) for score, _ in known]
    ax.set_yticks(range(len(known)), labels)
    ax.set_ylim(len(known) - 0.5, -0.7)
    values = [end for _, value in known for end in value]
    margin = 0.15 * max(max(values) - min(values), 1e-9)
    ax.set_xlim(min(values) - margin, max(values) + margin)
    name = NAMES.get(measure.own, measure.own)
    way = "higher is better" if measure.higher else "lower is better"
    unit = f",{measure.unit}" if measure.unit else ""
    ax.set_xlabel(f"{name[:1].upper()}{name[1:]}{unit} \n{way}; bars: 95% interval")


def _draw_map(
    ax: Axes, own: Score, measure: Measure, items: pd.DataFrame, ink: str, quiet: str
) -> None:
    """Draw the items where they were measured, colored by how far off they were placed."""
    x, y, values = items[["x", "y", own.name]].to_numpy(float).T.copy()
    if "slide" in items:  # slides have frames of their own: beside one another
        left = 0.0
        for slide in items["slide"].unique():
            mine = (items["slide"] == slide).to_numpy()
            x[mine] += left - x[mine].min()
            y[mine] -= y[mine].min()
            left = x[mine].max() + 0.1 * max(np.ptp(x[mine]), 1e-9)
    top = np.percentile(values, 95)
    size = np.clip(12000 / max(len(x), 1), 3, 40)
    rim = 0.5 if size > 8 else 0.0  # dark dots would be lost on a dark ground
    dots = ax.scatter(
        x, y, c=values, s=size, cmap="viridis", vmin=0, vmax=max(top, 1e-9),
        edgecolors=quiet, linewidths=rim,
    )  # fmt: skip
    ax.set_aspect("equal")
    ax.invert_yaxis()
    ax.set(xticks=[], yticks=[], title="Where it was off")
    ax.spines[:].set_visible(False)
    bar = ax.figure.colorbar(dots, ax=ax, shrink=0.7, extend="max")
    bar.set_label(f"Distance from the true place{_unit(measure)}", color=ink, fontsize=8.5)
    bar.ax.tick_params(labelsize=8, colors=ink)
    bar.outline.set_edgecolor(quiet)


def _draw_pairs(
    ax: Axes,
    scores: Sequence[Score],
    measures: Sequence[Measure],
    items: pd.DataFrame,
    quiet: str,
    color: str,
) -> None:
    """Draw each item by the method and by the best baseline."""
    others = [score for score in scores[1:] if items[score.name].nunique() > 1]
    other = rival((scores[0], *others), measures)
    what = "gene" if measures[0].higher else "pseudo-spot"
    if other is None:
        ax.set_axis_off()
        return
    mine, theirs = (items[s.name].to_numpy(float) for s in (scores[0], other))
    both = np.concatenate([mine, theirs])
    margin = 0.05 * max(float(np.ptp(both)), 1e-9)
    ends = [float(both.min()) - margin, float(both.max()) + margin]
    ax.plot(ends, ends, color=quiet, linewidth=1, linestyle=(0, (4, 3)))
    ax.plot(theirs, mine, "o", color=color, markersize=4, alpha=0.7, markeredgewidth=0)
    ax.set_aspect("equal")
    ax.set_xlabel(palette.elide(other.title, 34))
    ax.set_ylabel(palette.elide(scores[0].title, 34))
    ax.set(xlim=ends, ylim=ends)
    way = "Above" if measures[0].higher else "Below"
    ax.set_title(f"One dot for each {what}\n{way.lower()} the line: better")


def _unit(measure: Measure) -> str:
    return f",{measure.unit}" if measure.unit else ""
