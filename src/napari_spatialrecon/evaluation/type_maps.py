"""Maps of the cell types on a slide, one small map per type (COME, figures 3 and 4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation import palette

#: Maximum number of maps by default, and maps per row.
MOST, COLUMNS = 12, 4
_WIDTH, _DPI = 1200, 150
#: Area of a spot (points²) in a map filled by 300 spots.
_AREA = 5000.0


def type_maps(
    points: NDArray[np.float64],
    proportions: pd.DataFrame,
    types: Sequence[str] | None = None,
    *,
    title: str = "",
) -> Figure:
    """Draw one map per cell type: its share in each spot, bright where it is largest.

    Parameters
    ----------
    points : (n_spots, 2) float, (x, y), y down
    proportions
        One row per spot, one column per type.
    types
        Types to show, in order ("/" and "_" are equivalent); by default the twelve with the largest
        shares.
    title
        Title of the picture.

    Raises
    ------
    InputError
        A type is not among the columns.
    """
    own = {str(name).replace("/", "_"): name for name in proportions.columns}
    if types is None:
        largest = proportions.mean().sort_values(ascending=False, kind="stable")
        chosen = [str(name) for name in largest.index[:MOST]]
    else:
        chosen = [str(name) for name in types]
    if missing := [name for name in chosen if name.replace("/", "_") not in own]:
        raise InputError(
            f"Expected cell types of the result, found {', '.join(missing)}, which it lacks.",
            remedy=f"Try {', '.join(map(str, own.values()))}.",
        )
    columns = min(COLUMNS, len(chosen))
    rows = -(-len(chosen) // columns)
    width, height = np.maximum(np.ptp(points, axis=0), 1e-9)
    inches = _WIDTH / _DPI
    panel = np.clip(inches / columns * height / width, 0.8, 3.0)
    figure = Figure((inches, rows * (panel + 0.3) + 0.3), dpi=_DPI, layout="constrained")
    if title:
        figure.suptitle(palette.elide(title, 90), fontsize=10, color=palette.INK)
    area = _AREA / max(len(points), 1) * (panel / 2) ** 2
    for ax, name in zip(figure.subplots(rows, columns, squeeze=False).flat, chosen, strict=False):
        values = proportions[own[name.replace("/", "_")]].to_numpy(float)
        ax.scatter(*points.T, c=values, s=area, vmin=0, vmax=max(values.max(), 1e-9), linewidths=0)
        ax.set_title(f"{palette.elide(name, 22)}, 0 to {values.max():.2f}", fontsize=7)
        ax.set_aspect("equal")
        ax.invert_yaxis()
    for ax in figure.axes:
        ax.set_axis_off()
    return figure
