"""What the colors of a panel mean, beneath it: categories with counts, or a titled color bar."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.evaluation.palette import INK, QUIET, elide
from napari_spatialrecon.viewer.figure.scene import Dots, Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from napari.utils.colormaps import Colormap

    from napari_spatialrecon.viewer.figure.page import Panel

MOST = 48
"""Most categories of one legend; of more, the most frequent are named."""
_TITLE_PT, _TEXT_PT = 7.5, 7.0
_ROW, _TITLE, _BAR, _SPACE = 3.4, 4.2, 9.5, 1.2
_INDENT, _BETWEEN = 3.2, 3.0
_BAR_MM = 45.0
_LONGEST = 34


@dataclass(frozen=True, eq=False)
class Key:
    """One legend: entries (name, RGBA, count), or a color map with its limits."""

    title: str
    entries: tuple[tuple[str, tuple[float, ...], int], ...] = ()
    colormap: Colormap | None = None
    limits: tuple[float, float] = (0.0, 1.0)
    rest: str = ""


def keys_of(panel: Panel) -> list[Key]:
    """Return the legends of a panel: of what is drawn in it, with counts of what it shows."""
    found: list[Key] = []
    for part in panel.scene.drawn:
        if isinstance(part, Picture) and part.colormap is not None:
            found.append(Key(part.title, (), part.colormap, part.limits))
        elif isinstance(part, Dots) and part.key is not None:
            found.append(_points_key(part.within(panel.extent)))
    return [key for key in found if key.entries or key.colormap is not None]


def _points_key(dots: Dots) -> Key:
    from napari.utils.colormaps import ensure_colormap

    key = dots.key
    assert key is not None, "the caller has looked"
    counts = np.bincount(dots.codes[dots.codes >= 0], minlength=len(key.entries))
    shown = [(e.name, e.color, int(n)) for e, n in zip(key.entries, counts, strict=True) if n]
    rest = ""
    if len(shown) > MOST:
        often = sorted(shown, key=lambda entry: -entry[2])
        named = {name for name, _, _ in often[: MOST - 1]}
        others = [count for name, _, count in shown if name not in named]
        rest = f"and {len(others):,} more categories of {sum(others):,}"
        shown = [entry for entry in shown if entry[0] in named]
    colormap = None if key.colormap is None else ensure_colormap(key.colormap)
    return Key(key.title, tuple(shown), colormap, key.limits or (0.0, 1.0), rest)


def key_height(key: Key, width: float) -> float:
    """Return the height in mm of a legend that has this width."""
    lines = -(-len(key.entries) // _columns(key, width)) + bool(key.rest)
    bar = _BAR if key.colormap is not None else 0.0
    return _SPACE + (_TITLE if key.title else 0.0) + bar + lines * _ROW


def draw_key(figure: Figure, ax: Axes, key: Key, width: float, height: float) -> None:
    """Draw a legend in axes of this width and height in mm."""
    ax.set(xlim=(0, width), ylim=(height, 0))
    ax.axis("off")
    y = _SPACE
    if key.title:
        words = elide(key.title, max(12, int(width / 1.5)))
        ax.text(0, y + _TITLE / 2, words, fontsize=_TITLE_PT, color=INK, va="center")
        y += _TITLE
    if key.colormap is not None:
        _draw_bar(figure, ax, key, (width, height), y)
        y += _BAR
    columns = _columns(key, width)
    rows = -(-len(key.entries) // columns)
    for number, (name, color, count) in enumerate(key.entries):
        x, line = number // rows * width / columns, y + (number % rows + 0.5) * _ROW
        ax.plot(x + 1.2, line, "o", color=color[:3], markersize=4.6, markeredgewidth=0)
        text = f"{elide(name, _LONGEST)}  {count:,}"
        ax.text(x + _INDENT, line, text, fontsize=_TEXT_PT, color=INK, va="center")
    if key.rest:
        ax.text(0, y + (rows + 0.5) * _ROW, key.rest, fontsize=_TEXT_PT, color=QUIET, va="center")


def _draw_bar(figure: Figure, ax: Axes, key: Key, size: tuple[float, float], y: float) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize
    from matplotlib.ticker import MaxNLocator

    assert key.colormap is not None, "the caller has looked"
    width, height = size
    place = (0.5 / width, 1 - (y + 2.8) / height, min(_BAR_MM, 0.9 * width) / width, 2.6 / height)
    colors = ListedColormap(np.asarray(key.colormap.map(np.linspace(0, 1, 256)))[:, :3])
    bar = figure.colorbar(
        ScalarMappable(Normalize(*key.limits), colors),
        cax=ax.inset_axes(place),
        orientation="horizontal",
    )
    if bar.solids is not None:
        bar.solids.set(edgecolor="face", rasterized=True)
    bar.outline.set_linewidth(0.4)
    bar.locator = MaxNLocator(5, steps=[1, 2, 5, 10])
    bar.ax.tick_params(labelsize=_TEXT_PT, colors=INK, length=2, width=0.4, pad=1.5)


def _columns(key: Key, width: float) -> int:
    lines = [f"{elide(name, _LONGEST)}  {count:,}" for name, _, count in key.entries]
    if not lines:
        return 1
    longest = max(_INDENT + _BETWEEN + _text_mm(line) for line in lines)
    return max(1, min(len(lines), int((width + _BETWEEN) / longest)))


@lru_cache(maxsize=1024)
def _text_mm(text: str) -> float:
    from matplotlib.textpath import TextPath

    return float(TextPath((0, 0), text, size=_TEXT_PT).get_extents().width) / 72 * 25.4
