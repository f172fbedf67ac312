"""A figure with a panel for each contestant."""

from __future__ import annotations

import textwrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_spatialrecon.evaluation import palette

_COLUMNS, _DPI = 5, 120
#: Inches of a panel, at least, and at most where there are few.
_SIDE, _MOST = 2.3, 2.8
#: Inches that a figure is wide at least, for its title.
_LEAST = 6.2
#: Letters of the title that are sure to fit an inch.
_LETTERS = 10.0


def panels(
    count: int, title: str, shape: float = 1.0, below: float = 0.0
) -> tuple[Figure, list[Axes]]:
    """Return a figure and its panels, at most five in a row.

    Parameters
    ----------
    shape
        Height of a panel over its width.
    below
        Inches below the panels, for a legend.
    """
    columns = min(_COLUMNS, count)
    rows = -(-count // columns)
    side = max(_SIDE, min(_MOST, (_LEAST - 0.8) / columns))
    size = (max(_LEAST, side * columns + 0.8), (side * shape + 0.7) * rows + 0.5 + below)
    figure = Figure(size, dpi=_DPI, layout="constrained")
    words = textwrap.fill(title, round(size[0] * _LETTERS))
    figure.suptitle(words, fontsize=10, color=palette.INK, x=0.01, ha="left", weight="bold")
    found = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for ax in found[count:]:
        ax.set_axis_off()
    for ax in found[:count]:
        ax.spines[:].set(color=palette.RULE, linewidth=0.8)
    return figure, found[:count]


def name_axes(axes: list[Axes], below: str, beside: str) -> None:
    """Name the axes of panels, that of y where a row begins."""
    for number, ax in enumerate(axes):
        ax.set_xlabel(below, fontsize=7, color=palette.INK)
        if number % _COLUMNS == 0:
            ax.set_ylabel(beside, fontsize=7, color=palette.INK)
        ax.tick_params(labelsize=7, colors=palette.INK)
        ax.locator_params(nbins=4)
