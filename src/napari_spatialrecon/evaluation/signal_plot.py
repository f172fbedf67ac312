"""Difference in expression against distance: figure 2 of the dp-VAE paper for one slide."""

from __future__ import annotations

import textwrap

from matplotlib.figure import Figure

from napari_spatialrecon.evaluation import palette
from napari_spatialrecon.tissue.spatial_signal import SpatialSignal

_SIZE, _DPI, _LETTERS = (6.0, 4.2), 150, 78


def signal_plot(found: SpatialSignal, *, title: str = "") -> Figure:
    """Draw how much spots differ at each distance; the dashed line is what unrelated spots differ.

    Where spots are shuffled, the curve is that line: there is nothing to place cells by.

    Parameters
    ----------
    found
        As returned by `spatial_signal`.
    title
        Put before the sentence that says what was found.

    Examples
    --------
    >>> from napari_spatialrecon.tissue.spatial_signal import SpatialSignal
    >>> nothing = SpatialSignal(200, 50, 0.001, 0.004, 0.3, 0, 0.0, 0.5, [1.0, 2.0], [1.0, 1.0])
    >>> signal_plot(nothing, title="C2").axes[0].get_xlabel()
    'Distance between two spots (µm)'
    """
    figure = Figure(_SIZE, dpi=_DPI, layout="constrained")
    ax = figure.subplots()
    ax.axhline(1.0, color=palette.QUIET, linewidth=1, linestyle=(0, (4, 3)))
    ax.plot(found.distances, found.differences, "o-", color=palette.METHOD, markersize=6)
    ax.set(
        xlabel=f"Distance between two spots ({found.unit})",
        ylabel="Difference in expression (1: mean of all pairs)",
        xlim=(0, None),
        ylim=found.drawn,
    )
    told = found.text[:1].upper() + found.text[1:]
    p = f"p {found.mantel_p_value:.2f} of shuffles"
    pairs = f"Distance against difference: Spearman {found.mantel:.3f}, {p}."
    lines = [title, *textwrap.wrap(f"{told}. {pairs}", _LETTERS)]
    ax.set_title("\n".join(filter(None, lines)), fontsize=9, color=palette.INK, loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=8, colors=palette.INK)
    return figure
