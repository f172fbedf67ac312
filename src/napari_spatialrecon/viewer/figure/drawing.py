"""Drawing a page with matplotlib, without its global state: usable in any thread."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.evaluation.backdrop import bar_length
from napari_spatialrecon.evaluation.palette import INK
from napari_spatialrecon.viewer.figure.keys import draw_key, key_height, keys_of
from napari_spatialrecon.viewer.figure.scene import Dots, Lines, Picture
from napari_spatialrecon.viewer.figure.sectors import draw_pies

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from napari_spatialrecon.progress import Reporter
    from napari_spatialrecon.viewer.figure.page import Page, Panel

DPI = 300
VECTORS = 20_000
"""Up to this many points of a layer are drawn as vectors; more as pixels within the file."""
SCALE_BAR = "scale-bar"
"""Id of the scale bar of each panel in an SVG."""
_EDGE, _GAP, _LINE = 2.0, 4.0, 3.6
_CAPTION_PT, _BAR_PT = 8.0, 7.0
_NOTED = 1.2
"""Widening of points from which it is noted."""
_CHARACTER_MM = 1.55
"""Mean width of a character of a caption."""
_MM = 25.4
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SEEN_MM, _SHARE = 1.5, 0.2
"""Few points are drawn this wide, more at this share of their mean distance apart."""


@dataclass(frozen=True)
class Drawing:
    """A drawn figure, and what its reader should know of it."""

    figure: Figure
    notes: tuple[str, ...]


def draw(page: Page, reporter: Reporter, dpi: float = DPI) -> Drawing:
    """Draw the panels of a page.

    Raises
    ------
    Stopped
        The reporter was asked to stop.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    across = page.across
    width = (page.width_mm - 2 * _EDGE - (across - 1) * _GAP) / across
    size = page.panels[0].extent[1] - page.panels[0].extent[0]
    tall = width * size[1] / size[0]
    captions = [_caption(page, number, width) for number in range(len(page.panels))]
    keys = [keys_of(panel) for panel in page.panels]
    below = [sum(key_height(key, width) for key in found) for found in keys]
    starts = range(0, len(page.panels), across)
    above = [max(len(c) for c in captions[i : i + across]) * _LINE + 0.6 for i in starts]
    under = [max(below[i : i + across]) for i in starts]
    height = 2 * _EDGE + sum(above) + sum(under) + len(above) * tall + (len(above) - 1) * _GAP
    figure = Figure((page.width_mm / _MM, height / _MM), dpi=dpi, facecolor="white")
    FigureCanvasAgg(figure)
    notes: list[str] = []
    reporter.begin("Drawing", len(page.panels))
    top = _EDGE
    for row, start in enumerate(starts):
        for number in range(start, min(start + across, len(page.panels))):
            reporter.check()
            left = _EDGE + (number - start) * (width + _GAP)
            at = (left, top + above[row], width, tall)
            _write_caption(figure, captions[number], left, top)
            ax = _axes(figure, at)
            notes += _draw_panel(ax, page, page.panels[number], width, reporter)
            down = top + above[row] + tall
            for key in keys[number]:
                high = key_height(key, width)
                draw_key(figure, _axes(figure, (left, down, width, high)), key, width, high)
                down += high
            reporter.step(number + 1)
        top += above[row] + tall + under[row] + _GAP
    return Drawing(figure, tuple(dict.fromkeys(notes)))


def _axes(figure: Figure, at: tuple[float, float, float, float]) -> Axes:
    """Return axes at left, top, width and height in mm, from the upper left corner."""
    wide, high = figure.get_size_inches() * _MM
    left, top, width, height = at
    place = (left / wide, 1 - (top + height) / high, width / wide, height / high)
    return figure.add_axes(place)


def _caption(page: Page, number: int, width: float) -> list[str]:
    caption = page.panels[number].caption
    letter = f"{_LETTERS[number % 26]}  " if len(page.panels) > 1 else ""
    text = f"{letter}{caption}".strip()
    return textwrap.wrap(text, max(12, int(width / _CHARACTER_MM))) if text else []


def _write_caption(figure: Figure, lines: list[str], left: float, top: float) -> None:
    wide, high = figure.get_size_inches() * _MM
    for number, line in enumerate(lines):
        y = 1 - (top + number * _LINE) / high
        figure.text(left / wide, y, line, fontsize=_CAPTION_PT, color=INK, va="top")


def _draw_panel(ax: Axes, page: Page, panel: Panel, width: float, reporter: Reporter) -> list[str]:
    """Draw a panel of this width in mm; return what to note."""
    (x0, y0), (x1, y1) = panel.extent
    ax.set(xlim=(x0, x1), ylim=(y1, y0), xticks=[], yticks=[])
    ax.set_facecolor("black" if page.dark else "white")
    for side in ax.spines.values():
        side.set(linewidth=0.4, color="#B4B4B4")
    per_mm = (x1 - x0) / width
    notes = [f"Not drawn: {', '.join(panel.scene.missing)}."] if panel.scene.missing else []
    for order, part in enumerate(panel.scene.drawn):
        reporter.check()
        if isinstance(part, Picture):
            _draw_picture(ax, part, panel.extent, per_mm * _MM / DPI, order)
        elif isinstance(part, Dots):
            unit = "µm" if panel.scene.unit == "um" else "units"
            notes += _draw_dots(ax, part.within(panel.extent), page, (per_mm, unit), order)
        else:
            _draw_lines(ax, part, per_mm, order)
    _draw_scale_bar(ax, page, panel, per_mm)
    return notes


def _draw_picture(ax: Axes, part: Picture, extent: np.ndarray, pixel: float, order: int) -> None:
    from matplotlib.transforms import Affine2D

    cut = part.cut(extent, pixel)
    if cut is None:
        return
    rgba, matrix = cut
    rows, columns = rgba.shape[:2]
    ax.imshow(
        rgba,
        extent=(-0.5, columns - 0.5, rows - 0.5, -0.5),
        transform=Affine2D(matrix) + ax.transData,
        interpolation="hanning" if part.smooth else "antialiased",
        aspect="auto",
        zorder=order,
    )
    ax.set(xlim=extent[:, 0], ylim=extent[::-1, 1])


def _draw_dots(ax: Axes, dots: Dots, page: Page, scale: tuple[float, str], order: int) -> list[str]:
    """Draw points to a scale of units per mm, and the unit's name; return what to note."""
    if not len(dots.places):
        return []
    per_mm, unit = scale
    notes = []
    pt = dots.diameters / per_mm / _MM * 72
    least_mm = max(page.least_mm, _seen_mm(ax, per_mm, len(dots.places)))
    least = least_mm / _MM * 72
    true, drawn = float(np.median(dots.diameters)), least_mm * per_mm
    if drawn > _NOTED * true:
        notes.append(
            f"{dots.name}: points are drawn {drawn:,.0f} {unit} wide, so that they are seen; "
            f"their true width is {true:,.0f} {unit}."
        )
    pt = np.maximum(pt, least)
    pixels = len(dots.places) > VECTORS
    if pixels:
        notes.append(
            f"{dots.name}: {len(dots.places):,} points are pixels at {DPI} dpi within the file; "
            f"up to {VECTORS:,} are vectors."
        )
    rims = np.where(dots.rims[:, 3] > 0, dots.rim_widths * pt, 0.0)
    if dots.pies is not None:
        draw_pies(ax, dots, pt / 72 * _MM * per_mm / 2, rims, order)
        return notes
    ax.scatter(
        dots.places[:, 0],
        dots.places[:, 1],
        s=pt**2,
        c=dots.faces,
        edgecolors=dots.rims,
        linewidths=rims.tolist(),
        marker=dots.marker,
        rasterized=pixels,
        zorder=order,
    )
    return notes


def _seen_mm(ax: Axes, per_mm: float, n: int) -> float:
    """Return a width at which n points are seen at a glance without covering one another."""
    area = abs(np.diff(ax.get_xlim())[0] * np.diff(ax.get_ylim())[0]) / per_mm**2
    return float(min(_SEEN_MM, _SHARE * (area / n) ** 0.5))


def _draw_lines(ax: Axes, lines: Lines, per_mm: float, order: int) -> None:
    from matplotlib.collections import LineCollection

    width = np.clip(lines.width / per_mm / _MM * 72, 0.4, 1.5)
    many = len(lines.ends) > VECTORS
    drawn = LineCollection(
        list(lines.ends), colors=lines.colors, linewidths=width, rasterized=many, zorder=order
    )
    ax.add_collection(drawn)


def _draw_scale_bar(ax: Axes, page: Page, panel: Panel, per_mm: float) -> None:
    from matplotlib.patches import Rectangle

    (x0, _), (x1, y1) = panel.extent
    length, label = bar_length(x1 - x0, 1.0 if panel.scene.unit == "um" else None)
    ink, paper = ("white", "black") if page.dark else (INK, "white")
    left, base = x0 + 2.2 * per_mm, y1 - 2.2 * per_mm
    wide = max(length, len(label) * 1.5 * per_mm)
    ground = Rectangle(
        (left - per_mm, base - 4.6 * per_mm),
        wide + 2 * per_mm,
        5.6 * per_mm,
        facecolor=paper,
        alpha=0.75,
        linewidth=0,
        zorder=1000,
    )
    bar = Rectangle(
        (left, base - 0.7 * per_mm), length, 0.7 * per_mm, facecolor=ink, linewidth=0, zorder=1001
    )
    bar.set_gid(SCALE_BAR)
    ax.add_patch(ground)
    ax.add_patch(bar)
    ax.text(
        left + length / 2 if length >= wide else left,
        base - 1.2 * per_mm,
        label,
        fontsize=_BAR_PT,
        color=ink,
        ha="center" if length >= wide else "left",
        va="bottom",
        zorder=1001,
    )
