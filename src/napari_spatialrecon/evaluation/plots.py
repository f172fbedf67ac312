"""Plots of methods' metrics next to their baselines, and of training curves."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation import palette
from napari_spatialrecon.training.history import History

_WIDTH, _DPI = 1200, 150
#: In pixels: line of a method in a panel, heading, and space between rows of panels.
_LINE, _HEADING, _GAP = 30, 34, 18
_COLUMNS = 4
#: Metrics shown by default, with their label and whether higher is better.
_METRICS: dict[str, tuple[str, bool]] = {
    "spearman": ("Spearman", True),
    "stress1": ("Stress-1", False),
    "edge_auc": ("Edge AUC", True),
    "shell_f1": ("Shell F1", True),
    "trust20": ("Trust@20", True),
    "cont20": ("Continuity@20", True),
    "procrustes": ("Procrustes", False),
    "w1_knn_r20": ("W1 of kNN / R20", False),
    "pearson": ("Pearson", True),
    "bap": ("Balanced AP", True),
    "knn_recall20": ("kNN recall@20", True),
    "swd": ("SWD", False),
    "cal_err20": ("CalErr@20", False),
    "pcc": ("PCC", True),
    "ssim": ("SSIM", True),
    "rmse": ("RMSE", False),
    "js": ("JS", False),
}
_SHOWN = tuple(_METRICS)[:8]


def metrics_plot(
    rows: Mapping[str, Mapping[str, float]],
    *,
    baselines: Collection[str] = ("knn", "ridge"),
    metrics: Sequence[str] | None = None,
    labels: Mapping[str, tuple[str, bool]] = MappingProxyType({}),
    title: str = "",
) -> Figure:
    """Draw a panel for each metric: methods in blue, baselines in grey, the best in bold.

    Parameters
    ----------
    rows
        Metrics of each method, named as by `place_metrics`; drawn in this order.
    baselines
        Methods that are baselines.
    metrics
        Metrics to show; by default the main ones for placement, or the known ones in `rows`.
    labels
        Label of a metric, and whether higher is better, where they are not known here.
    title
        Title of the plot.

    Raises
    ------
    InputError
        The methods have no metric in common.
    """
    if not rows:
        raise InputError("Expected at least one method, found none.")
    common = [m for m in _METRICS if all(m in row for row in rows.values())]
    names = list(metrics) if metrics is not None else [m for m in _SHOWN if m in common] or common
    if not names or any(name not in row for name in names for row in rows.values()):
        raise InputError(f"Expected metrics that all methods have, found: {', '.join(common)}.")
    columns = min(_COLUMNS, len(names))
    lines = -(-len(names) // columns)
    words = [palette.elide(name, 22) for name in rows]
    top, body = (44 if title else 10), len(rows) * _LINE
    total = top + lines * (_HEADING + body + _GAP) + 8
    figure = Figure((_WIDTH / _DPI, total / _DPI), dpi=_DPI)
    left = 24 + 11 * max(len(word) for word in words)
    width = (_WIDTH - left - 16) / columns
    for number, name in enumerate(names):
        row, column = divmod(number, columns)
        y = top + row * (_HEADING + body + _GAP) + _HEADING
        x = left + column * width
        ax = figure.add_axes(
            (x / _WIDTH, 1 - (y + body) / total, (width - 20) / _WIDTH, body / total)
        )
        values = [row_[name] for row_ in rows.values()]
        said = labels.get(name) or _METRICS.get(name)
        _draw_metric(ax, name, said, values, [m in baselines for m in rows])
        if column == 0:
            ax.set_yticks(range(len(rows)), words, fontsize=8.5, color=palette.INK)
    _draw_title(figure, title, total)
    return figure


def _draw_metric(
    ax: Axes,
    name: str,
    said: tuple[str, bool] | None,
    values: list[float],
    is_baseline: list[bool],
) -> None:
    label, higher = said or (name, True)
    arrow = "" if said is None else " ↑" if higher else " ↓"
    known = [v if np.isfinite(v) else 0.0 for v in values]
    best = max(known) if higher else min(known)
    low, high = min(0.0, *known), max(0.0, *known)
    span = max(high - low, 1e-12)
    colors = [palette.BASELINE if baseline else palette.METHOD for baseline in is_baseline]
    ax.barh(range(len(values)), known, height=0.62, color=colors)
    for y, (value, number) in enumerate(zip(values, known, strict=True)):
        bold = len(values) > 1 and number == best
        ax.annotate(
            f"{round(value, 3) + 0.0:.3f}",
            (max(number, 0.0), y),
            (4, 0),
            textcoords="offset points",
            fontsize=8,
            weight="bold" if bold else "normal",
            color=palette.INK,
            va="center",
        )
    ax.set(xlim=(low, high + 0.38 * span), ylim=(len(values) - 0.5, -0.5), xticks=[], yticks=[])
    ax.set_title(label + arrow, fontsize=9, color=palette.INK, loc="left", pad=4)
    ax.spines[["top", "right", "bottom"]].set_visible(False)
    ax.spines["left"].set(color=palette.QUIET, linewidth=0.8, position=("data", 0.0))
    ax.tick_params(length=0)


def loss_plot(
    history: History,
    *,
    baseline: float | None = None,
    baseline_name: str = "baseline (kNN)",
    title: str = "",
) -> Figure:
    """Draw the loss of every step, and the held-out error with its baseline.

    Parameters
    ----------
    history
        History of a training run; held-out errors are optional.
    baseline
        Held-out error of the baseline.
    """
    has_error = bool(history.held_out)
    total = 420 + (44 if title else 10)
    figure = Figure((_WIDTH / _DPI, total / _DPI), dpi=_DPI)
    bottom, height = 66 / total, (420 - 66 - 34) / total
    panels = 2 if has_error else 1
    width = (_WIDTH - 100 * panels - 16) / panels
    axes = [
        figure.add_axes(((90 + i * (width + 100)) / _WIDTH, bottom, width / _WIDTH, height))
        for i in range(panels)
    ]
    losses = np.asarray(history.losses, float)
    steps = np.arange(1, len(losses) + 1)
    axes[0].plot(steps, losses, color=palette.METHOD, linewidth=0.6, alpha=0.35)
    axes[0].plot(steps, _smooth(losses), color=palette.METHOD, linewidth=1.5)
    positive = losses[np.isfinite(losses) & (losses > 0)]
    if len(positive) == len(losses) > 0 and positive.max() > 20 * positive.min():
        axes[0].set_yscale("log")
    _dress(axes[0], "Loss")
    if has_error:
        _draw_held_out(axes[1], history, baseline, baseline_name)
    _draw_title(figure, title, total)
    return figure


def _draw_held_out(ax: Axes, history: History, baseline: float | None, baseline_name: str) -> None:
    at = sorted(history.held_out)
    errors = [history.held_out[step].get("held_out", np.nan) for step in at]
    ax.plot(at, errors, "o-", color=palette.METHOD, linewidth=1.5, markersize=3)
    if history.best_step is not None:
        best = history.best["held_out"]
        ax.plot([history.best_step], [best], "o", color=palette.METHOD, markersize=7)
        _label(ax, (history.best_step, best), f"best {best:.3g}", palette.METHOD, -14)
    if baseline is not None:
        ax.axhline(baseline, color=palette.QUIET, linewidth=1.2, linestyle=(0, (4, 3)))
        _label(ax, (at[-1], baseline), f"{baseline_name} {baseline:.3g}", palette.QUIET, 5)
    top = np.nanmax([*errors, baseline if baseline is not None else np.nan])
    ax.set_ylim(0, 1.18 * top if top > 0 else 1)
    _dress(ax, "Held-out error")


def _label(ax: Axes, at: tuple[float, float], text: str, color: str, above: float) -> None:
    right = at[0] > 0.7 * ax.get_xlim()[1]
    ax.annotate(
        text,
        at,
        (0, above),
        textcoords="offset points",
        ha="right" if right else "left",
        fontsize=8,
        color=color,
    )


def _smooth(values: np.ndarray) -> np.ndarray:
    """Return a running mean over about a fiftieth of the steps, shorter at both ends."""
    half = len(values) // 100
    sums = np.concatenate([[0.0], np.cumsum(values)])
    index = np.arange(len(values))
    low, high = np.maximum(index - half, 0), np.minimum(index + half + 1, len(values))
    return np.asarray((sums[high] - sums[low]) / (high - low))


def _dress(ax: Axes, heading: str) -> None:
    ax.set_title(heading, fontsize=9, color=palette.INK, loc="left", pad=4)
    ax.set_xlabel("step", fontsize=8, color=palette.INK)
    ax.tick_params(labelsize=8, colors=palette.INK, length=3, which="both")
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set(color=palette.QUIET, linewidth=0.8)
    ax.grid(axis="y", color=palette.RULE, linewidth=0.8)
    ax.set_axisbelow(True)


def _draw_title(figure: Figure, title: str, total: float) -> None:
    heading = {"fontsize": 10.5, "weight": "bold", "color": palette.INK, "va": "center"}
    figure.text(16 / _WIDTH, 1 - 22 / total, palette.elide(title, 90), heading)
