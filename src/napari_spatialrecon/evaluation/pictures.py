"""Pictures of results over histology, written by every task next to its result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation import palette
from napari_spatialrecon.evaluation.backdrop import ImagePyramid, View, bar_length, crop, fit_view
from napari_spatialrecon.evaluation.coloring import Kind, Paint, paint_points
from napari_spatialrecon.evaluation.legend import draw_legend, legend_height, legend_width
from napari_spatialrecon.storage import atomic_file
from napari_spatialrecon.tissue.sdata.inputs import takes_spatialdata

#: In pixels: width of the picture, margins, and height of a heading.
_WIDTH, _MARGIN, _HEADING = 1200, 16, 34
_DPI = 150
#: Maximum number of points drawn, at random; more cannot be distinguished at this size.
_MOST_POINTS = 200_000
#: Diameter of a point in the picture, in pixels.
_SMALLEST, _LARGEST = 2.0, 15.0
#: How much the histology is faded to white, so that points stand out.
_FADE = 0.25


@takes_spatialdata
def overlay(
    points: np.ndarray,
    values: Any = None,
    *,
    image: ImagePyramid | None = None,
    spots: np.ndarray | None = None,
    truth: np.ndarray | None = None,
    um_per_unit: float | None = None,
    kind: Kind | None = None,
    label: str = "",
    title: str = "",
) -> Figure:
    """Draw placed points over the histology or the slide's spots, next to the truth if given.

    Parameters
    ----------
    points : (n, 2) float, (x, y), y down
        The result in the slide's frame; cells with coordinates that are not finite are excluded and
        counted.
    values : (n,), optional
        Categories (strings, or any pandas categorical) or numbers.
    image
        Histology of the slide, such as `tissue.images.Histology`.
    spots : (m, 2) float, optional
        The slide's spots; drawn if there is no image, and always part of the view.
    truth : (n, 2) float, optional
        True positions of the same points, for a second panel.
    um_per_unit
        Micrometers per frame unit, for the scale bar; None if unknown.
    kind
        How to color; by default numbers as a gene and anything else as categories. Uncertainty is
        in the frame's unit.
    label
        Meaning of the colors, for example "cell type" or "ERBB2".
    title
        Title of the picture.

    Returns
    -------
    matplotlib.figure.Figure
        1200 pixels wide; see `save_png`.

    Raises
    ------
    InputError
        Shapes differ, or no point has a position.

    Examples
    --------
    >>> import numpy as np
    >>> figure = overlay(np.eye(3, 2) * 100, ["tumor", "stroma", "stroma"], um_per_unit=1.0)
    >>> len(figure.axes)
    2
    """
    points = np.asarray(points, float)
    placed = np.isfinite(points).all(axis=1)
    for name, other in (("values", values), ("true positions", truth)):
        if other is not None and len(other) != len(points):
            raise InputError(f"Expected {len(points)} {name}, found {len(other)}.")
    if not placed.any():
        raise InputError("Expected points with a position, found none.")
    paint = paint_points(values, kind, len(points), um_per_unit)
    if kind == "uncertainty":
        label = f"{label or 'uncertainty'} ({'µm' if um_per_unit else 'units'})"
    panels = [("Reconstructed", points)] if truth is not None else [("", points)]
    if truth is not None:
        truth = np.asarray(truth, float)
        panels.append(("Truth", truth))
    anchor = [a[np.isfinite(a).all(axis=1)] for a in (spots, truth) if a is not None]
    view = fit_view(points[placed], np.concatenate(anchor) if anchor else None)
    figure, axes, legend, columns = _layout(view, paint, len(panels), title, label)
    for ax, (name, places) in zip(axes, panels, strict=True):
        _draw_panel(ax, view, places, paint, image, spots)
        ax.set_title(name, fontsize=9, color=palette.INK, loc="left", pad=5)
    _draw_scale_bars(axes, view, [places for _, places in panels], um_per_unit)
    draw_legend(legend, paint, label, columns)
    _draw_notes(figure, points, placed, view)
    return figure


def save_png(figure: Figure, path: str | Path) -> Path:
    """Write a figure as PNG, atomically; equal figures give equal bytes."""
    with atomic_file(path) as temporary:
        FigureCanvasAgg(figure).print_png(temporary, metadata={"Software": None})
    return Path(path)


def _layout(
    view: View, paint: Paint, n_panels: int, title: str, label: str
) -> tuple[Figure, list[Axes], Axes, int]:
    """Return a figure, axes for each panel and for the legend, and the legend's column count.

    The legend is next to a single panel, or below if it would be much taller or there are two
    panels.
    """
    figure = Figure(dpi=_DPI)
    entry = legend_width(figure, paint, label)
    lines = legend_height(paint, label)
    room = _WIDTH - _MARGIN * (n_panels + 1)
    width = (room - (entry + _MARGIN if entry else 0)) / n_panels
    tall = lines > 1.1 * width * view.height / view.width
    below = entry > 0 and paint.scale is None and (n_panels > 1 or tall)
    columns = max(1, int((_WIDTH - 2 * _MARGIN) // entry)) if below else 1
    if below:
        width, lines = room / n_panels, legend_height(paint, label, columns)
    height = width * view.height / view.width
    top = _MARGIN + (_HEADING if title else 0) + (_HEADING - 8 if n_panels > 1 else 0)
    body = height + _MARGIN + lines if below else max(height, lines)
    total = round(top + body + _MARGIN + 22)
    figure.set_size_inches(_WIDTH / _DPI, total / _DPI)

    def place(x: float, y: float, w: float, h: float) -> Axes:
        return figure.add_axes((x / _WIDTH, 1 - (y + h) / total, w / _WIDTH, h / total))

    axes = [place(_MARGIN + i * (width + _MARGIN), top, width, height) for i in range(n_panels)]
    legend = (
        place(_MARGIN, top + height + _MARGIN, _WIDTH - 2 * _MARGIN, lines)
        if below
        else place(_WIDTH - _MARGIN - max(entry, 1), top, max(entry, 1), body)
    )
    if title:
        heading = {"fontsize": 10.5, "weight": "bold", "color": palette.INK, "va": "center"}
        y = 1 - (_MARGIN + 8) / total
        figure.text(_MARGIN / _WIDTH, y, palette.elide(title, 90), heading)
    return figure, axes, legend, columns


def _draw_panel(
    ax: Axes,
    view: View,
    points: np.ndarray,
    paint: Paint,
    image: ImagePyramid | None,
    spots: np.ndarray | None,
) -> None:
    ax.set(xlim=(view.left, view.right), ylim=(view.bottom, view.top), xticks=[], yticks=[])
    ax.spines[:].set(color=palette.RULE, linewidth=0.8)
    pixels = ax.bbox.width
    drawn = image is not None and draw_histology(ax, image, view, round(pixels))
    if spots is not None and not drawn:
        size = _diameter(spots, view, pixels) * 72 / _DPI
        ax.scatter(spots[:, 0], spots[:, 1], s=size**2, color=palette.RULE, linewidths=0)
    shown = np.flatnonzero(view.holds(points))
    shown = np.random.default_rng(0).permutation(shown)[:_MOST_POINTS]
    pixel = _diameter(points[shown], view, pixels)
    ax.scatter(
        points[shown, 0],
        points[shown, 1],
        s=(pixel * 72 / _DPI) ** 2,
        c=paint.rgba[shown],
        edgecolors="white",
        linewidths=0.5 if pixel > 6 else 0,
    )


def draw_histology(ax: Axes, image: ImagePyramid, view: View, pixels: int) -> bool:
    """Draw the part of an image in a view, faded, about `pixels` wide; False if there is none."""
    found = crop(image, view, pixels)
    if found is None:
        return False
    rgb, where = found
    faded = 255 - ((255 - rgb.astype(float)) * (1 - _FADE)).round()
    extent = (where.left, where.right, where.bottom, where.top)
    ax.imshow(faded.astype(np.uint8), extent=extent, aspect="auto", interpolation="bilinear")
    ax.set(xlim=(view.left, view.right), ylim=(view.bottom, view.top))
    return True


def _diameter(points: np.ndarray, view: View, pixels: float) -> float:
    """Return the diameter, in pixels, at which points approximately fill the area they cover."""
    if len(points) < 2:
        return _LARGEST
    area = float(np.prod(np.maximum(np.ptp(points, axis=0), 1e-3 * view.width)))
    return float(
        np.clip(0.8 * np.sqrt(area / len(points)) * pixels / view.width, _SMALLEST, _LARGEST)
    )


def _free_corner(
    view: View, places: list[np.ndarray], width: float, height: float
) -> tuple[int, int]:
    """Return the corner (0 or 1 along x and y) where a box of this size covers fewest points."""
    points = np.concatenate(places)

    def covered(corner: tuple[int, int]) -> int:
        left = view.right - width if corner[0] else view.left
        top = view.bottom - height if corner[1] else view.top
        return int(View(left, top, left + width, top + height).holds(points).sum())

    return min([(0, 1), (1, 1), (1, 0), (0, 0)], key=covered)


def _draw_scale_bars(
    axes: list[Axes], view: View, places: list[np.ndarray], um_per_unit: float | None
) -> None:
    length, text = bar_length(view.width, um_per_unit)
    pixel = view.width / axes[0].bbox.width
    width, height = length + 14 * pixel, 32 * pixel
    right, low = _free_corner(view, places, width + 8 * pixel, height + 8 * pixel)
    x = view.right - width - 8 * pixel if right else view.left + 8 * pixel
    y = view.bottom - height - 8 * pixel if low else view.top + 8 * pixel
    for ax in axes:
        rounded = f"round,pad=0,rounding_size={4 * pixel}"
        box = FancyBboxPatch((x, y), width, height, boxstyle=rounded, fc="white", ec="none")
        box.set(alpha=0.8, zorder=5)
        bar = Rectangle((x + 7 * pixel, y + height - 9 * pixel), length, 5 * pixel, fc=palette.INK)
        bar.set(linewidth=0, zorder=6, gid="scale-bar", antialiased=False)
        ax.add_patch(box)
        ax.add_patch(bar)
        words = {"fontsize": 8, "color": palette.INK, "ha": "center", "va": "bottom", "zorder": 6}
        ax.text(x + width / 2, y + height - 11 * pixel, text, words)


def _draw_notes(figure: Figure, points: np.ndarray, placed: np.ndarray, view: View) -> None:
    outside = int((~view.holds(points[placed])).sum())
    notes = [
        f"{count:,} of {len(points):,} {what}"
        for count, what in (
            (int((~placed).sum()), "cells have no position"),
            (outside, "lie outside this view"),
        )
        if count
    ]
    if placed.sum() > _MOST_POINTS:
        notes.append(f"{_MOST_POINTS:,} of {len(points):,} drawn, at random")
    height = figure.get_figheight() * _DPI
    figure.text(
        _MARGIN / _WIDTH,
        _MARGIN / height,
        "; ".join(notes),
        fontsize=7.5,
        color=palette.QUIET,
        va="center",
    )
