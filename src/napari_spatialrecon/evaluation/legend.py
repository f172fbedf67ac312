"""The legend of a picture, measured before drawing so that nothing is cut off."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from napari_spatialrecon.evaluation import palette
from napari_spatialrecon.evaluation.coloring import Paint

#: In pixels: height of a line, start of its text, margin after it, and height of a color bar.
_LINE, _INDENT, _GAP, _BAR = 25, 22, 16, 200
#: Width of a color bar with its labels, in pixels.
_BAR_WIDTH = 110
_TEXT, _HEADING = 8, 9
_LONGEST, _LONGEST_HEADING = 26, 30


def legend_width(figure: Figure, paint: Paint, label: str) -> float:
    """Return the width in pixels that one column of the legend needs; 0 without a legend."""
    if not paint.entries and paint.scale is None:
        return 0.0
    lines = [f"{palette.elide(name, _LONGEST)}  {count:,}" for name, _, count in paint.entries]
    wide = [_INDENT + _measure(figure, line, _TEXT, "normal") + _GAP for line in lines]
    wide.append(_measure(figure, palette.elide(label, _LONGEST_HEADING), _HEADING, "bold"))
    return max(*wide, _BAR_WIDTH if paint.scale is not None else 0.0)


def legend_height(paint: Paint, label: str, columns: int = 1) -> float:
    """Return the height in pixels of the legend with this many columns."""
    lines = -(-len(paint.entries) // columns) + bool(label)
    return lines * _LINE + (_BAR + _LINE if paint.scale is not None else 0)


def draw_legend(ax: Axes, paint: Paint, label: str, columns: int) -> None:
    """Draw the heading, the color bar if any, and a line for each category."""
    width, height = ax.bbox.width, ax.bbox.height
    ax.set(xlim=(0, width), ylim=(height, 0))
    ax.axis("off")
    if not paint.entries and paint.scale is None:
        return
    y = _LINE / 2
    if label:
        text = palette.elide(label, _LONGEST_HEADING)
        ax.text(0, y, text, fontsize=_HEADING, weight="bold", color=palette.INK, va="center")
        y += _LINE
    if paint.scale is not None:
        bar = ax.inset_axes((2 / width, 1 - (y + _BAR) / height, 18 / width, _BAR / height))
        ax.figure.colorbar(paint.scale, cax=bar, extend="max" if paint.clipped else "neither")
        bar.tick_params(labelsize=_TEXT, colors=palette.INK, length=3)
        bar.locator_params(nbins=5)
        y += _BAR + _LINE
    rows = -(-len(paint.entries) // columns)
    for number, (name, color, count) in enumerate(paint.entries):
        x, line = number // rows * width / columns, y + number % rows * _LINE
        ax.plot(x + 8, line, "o", color=color, markersize=6.2, markeredgewidth=0)
        words: dict[str, Any] = {"fontsize": _TEXT, "va": "center", "color": palette.INK}
        written = ax.text(x + _INDENT, line, palette.elide(name, _LONGEST), words)
        words["color"] = palette.QUIET
        ax.annotate(f"  {count:,}", (1, 0.5), xycoords=written, **words)


def _measure(figure: Figure, text: str, size: float, weight: str) -> float:
    artist = figure.text(0, 0, text, fontsize=size, weight=weight)
    width = artist.get_window_extent(FigureCanvasAgg(figure).get_renderer()).width
    artist.remove()
    return float(width)
