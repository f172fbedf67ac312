"""A matrix of numbers as a picture."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from napari_spatialrecon.evaluation import palette

_DPI, _CELL, _ROOM, _LONGEST = 150, 0.8, 2.4, 22
_PALE, _DEEP = "#f4f6fa", "#12467f"


def matrix_plot(matrix: pd.DataFrame, *, label: str, title: str = "") -> Figure:
    """Draw a matrix with its numbers; of a square one, the diagonal is framed.

    Parameters
    ----------
    matrix
        Its index and its columns have names, which are drawn along the axes.
    label
        What the numbers are, and which is better.

    Returns
    -------
    matplotlib.figure.Figure
        See `pictures.save_png`.
    """
    values = matrix.to_numpy(float)
    rows, columns = values.shape
    size = (_ROOM + _CELL * columns + 1.2, _ROOM + _CELL * rows)
    figure = Figure(size, dpi=_DPI, layout="constrained")
    ax = figure.subplots()
    shades = LinearSegmentedColormap.from_list("blues", [_PALE, _DEEP])
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    scale = Normalize(low, high if high > low else low + 1)
    drawn = ax.imshow(values, cmap=shades, norm=scale)
    for row, column in np.ndindex(rows, columns):
        number = values[row, column]
        dark = np.isfinite(number) and scale(number) > 0.55
        text = f"{number:.2f}".replace("0.", ".", 1) if np.isfinite(number) else "–"
        color = "white" if dark else palette.INK
        ax.text(column, row, text, ha="center", va="center", fontsize=9, color=color)
        if rows == columns and row == column:
            corner = (row - 0.5, row - 0.5)
            ax.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=palette.INK, linewidth=1.2))
    ax.set_xticks(range(columns), [palette.elide(str(c), _LONGEST) for c in matrix.columns])
    ax.set_yticks(range(rows), [palette.elide(str(r), _LONGEST) for r in matrix.index])
    ax.tick_params(labelsize=8, length=0, colors=palette.INK)
    ax.tick_params(axis="x", labelrotation=45)
    ax.set_xlabel(str(matrix.columns.name or "").replace("_", " "), fontsize=9)
    ax.set_ylabel(str(matrix.index.name or "").replace("_", " "), fontsize=9)
    ax.spines[:].set_visible(False)
    if title:
        ax.set_title(palette.elide(title, 60), fontsize=10, color=palette.INK, loc="left")
    bar = figure.colorbar(drawn, ax=ax, shrink=0.8)
    bar.set_label(label, fontsize=9)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    return figure
