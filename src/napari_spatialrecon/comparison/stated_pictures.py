"""Stated errors beside those found, in deciles, a panel for each contestant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from napari_spatialrecon.comparison.panels import name_axes, panels
from napari_spatialrecon.comparison.stated_errors import Bound
from napari_spatialrecon.evaluation import palette

_COLORS = (palette.METHOD, "#D55E00")


def stated_and_found(found: Mapping[str, Sequence[Bound]], title: str, unit: str) -> Figure:
    """Draw the deciles of each bound: what is stated, and what its share of errors stays below.

    On the dashed line errors are as large as stated, above it they are larger.
    """
    heading = f"{title}: stated and found errors, in tenths by the stated"
    figure, axes = panels(len(found), heading, below=0.5)
    every = {name: [bound.deciles() for bound in bounds] for name, bounds in found.items()}
    most = 1.05 * max(float(d.max()) for deciles in every.values() for d in deciles)
    shares = {bound.name: bound.share for bounds in found.values() for bound in bounds}
    colors = dict(zip(sorted(shares, key=shares.__getitem__), _COLORS, strict=False))
    handles = {}
    for ax, (name, bounds) in zip(axes, found.items(), strict=False):
        ax.plot([0, most], [0, most], color=palette.QUIET, linewidth=0.8, linestyle=(0, (4, 3)))
        for bound, deciles in zip(bounds, every[name], strict=True):
            label = f"{bound.name}: {100 * bound.share:.0f}% of errors should be smaller"
            (handles[label],) = ax.plot(
                *deciles.T, "o-", color=colors[bound.name], linewidth=1.2, markersize=3.5
            )
        held = " and ".join(f"{100 * bound.within:.0f}%" for bound in bounds)
        ax.set(xlim=(0, most), ylim=(0, most), aspect="equal")
        ax.set_title(
            f"{palette.elide(name, 26)}\nsmaller than stated: {held}",
            fontsize=8,
            color=palette.INK,
            loc="left",
        )
    name_axes(axes, f"stated ({unit})", f"found ({unit})")
    figure.legend(
        list(handles.values()),
        list(handles),
        loc="outside lower center",
        ncols=1,
        fontsize=8,
        frameon=False,
    )
    return figure
