"""Pictures of placements beside one another: distances, curves, and maps of distortion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from anndata import AnnData
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_spatialrecon.comparison.panels import name_axes, panels
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation import palette
from napari_spatialrecon.evaluation.place_curves import place_curves
from napari_spatialrecon.geometry.distortion import local_maps
from napari_spatialrecon.geometry.procrustes import fit_pose
from napari_spatialrecon.tissue.contract import um_per_unit
from napari_spatialrecon.tissue.sdata.inputs import Table, takes_spatialdata
from napari_spatialrecon.tissue.slots import GEOMETRY, LAYOUT, SPATIAL

Array = NDArray[np.float64]
#: Title of a contestant: true places, and predicted ones in their own frame.
Layouts = Mapping[str, tuple[Array, Array]]
#: Pictures by name.
Figures = dict[str, Figure]
_DPI = 120
#: Fewest cells that curves are drawn of.
_LEAST = 4
#: Change of area that colors end at, as a power of two.
_MOST_AREA = 2.0
#: Pale colors cannot be seen as lines: six dark ones, then the same ones dashed.
_COLORS = tuple(color for color in palette.CATEGORIES[:7] if color != "#F0E442")
_LINES = ("-", "--", "-.", ":")


def layouts(truth: AnnData, made: Mapping[str, AnnData]) -> Layouts:
    """Return true and predicted places of the cells that a contestant placed."""
    found = {}
    for title, table in made.items():
        key = next(key for key in (GEOMETRY, SPATIAL, LAYOUT) if key in table.obsm)
        rows = table.obs_names.get_indexer(truth.obs_names)
        places = np.asarray(table.obsm[key], float)[rows, :2]
        kept = (rows >= 0) & np.isfinite(places).all(axis=1)
        found[title] = (np.asarray(truth.obsm[SPATIAL], float)[kept], places[kept])
    return found


def scale(truth: AnnData) -> tuple[float, str]:
    """Return the factor and the unit of distances in RMS radii of the tissue: µm where known."""
    um = um_per_unit(truth)
    if um is None:
        return 1.0, "RMS radii of the tissue"
    places = np.asarray(truth.obsm[SPATIAL], float)[:, :2]
    return um * float(np.sqrt(places.var(axis=0).sum())), "µm"


def distances(found: Layouts, title: str, factor: float, unit: str) -> Figure:
    """Draw predicted against true distances of pairs, a panel for each contestant.

    Parameters
    ----------
    factor, unit
        As `scale` returns.
    """
    heading = f"{title}: true and predicted distances, at the scale that fits best"
    figure, axes = panels(len(found), heading)
    drawn = [place_curves(true, made, most=800).distances * factor for true, made in found.values()]
    most = max(float(np.quantile(pairs[:, 0], 0.999)) for pairs in drawn)
    for ax, name, pairs in zip(axes, found, drawn, strict=True):
        ax.hexbin(
            *pairs.T, gridsize=36, extent=(0, most, 0, most), cmap="Blues", norm=LogNorm(vmin=1)
        )
        ax.plot([0, most], [0, most], color=palette.INK, linewidth=0.8, linestyle=(0, (4, 3)))
        ax.set(xlim=(0, most), ylim=(0, most), aspect="equal")
        ax.set_title(palette.elide(name, 24), fontsize=8, color=palette.INK, loc="left")
    name_axes(axes, f"true distance ({unit})", f"predicted distance ({unit})")
    return figure


def curves(found: Layouts, title: str, factor: float, unit: str) -> Figure:
    """Draw shell F1, LRMSE, CalErr and the ROC of neighbors, a line for each contestant."""
    figure = Figure((10, 7.4), dpi=_DPI, layout="constrained")
    figure.suptitle(title, fontsize=10, color=palette.INK, x=0.01, ha="left", weight="bold")
    axes = figure.subplots(2, 2).ravel()
    colors = palette.category_colors(list(found), _COLORS)
    for number, (name, (true, made)) in enumerate(found.items()):
        one = place_curves(true, made)
        style = {
            "color": colors[name],
            "linewidth": 1.4,
            "linestyle": _LINES[number // len(_COLORS) % len(_LINES)],
            "label": palette.elide(name, 28),
        }
        axes[0].plot(one.shell * factor, one.shell_f1, **style)
        axes[1].plot(one.neighbours, one.lrmse, **style)
        axes[2].plot(one.neighbours, one.cal_err, **style)
        axes[3].plot(*one.roc.T, **style)
    words = (
        ("F1 of distance shells ↑", f"true distance ({unit})"),
        ("LRMSE, in distances to the k-th neighbor ↓", "k nearest neighbors"),
        ("CalErr, relative to the true distance ↓", "k-th nearest neighbor"),
        ("ROC: share of true neighbors called so ↑", "share of other pairs called neighbors"),
    )
    for ax, (heading, below) in zip(axes, words, strict=True):
        ax.set_title(heading, fontsize=9, color=palette.INK, loc="left")
        ax.set_xlabel(below, fontsize=8, color=palette.INK)
        ax.tick_params(labelsize=8, colors=palette.INK)
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(color=palette.RULE, linewidth=0.6)
    for ax in axes[1:3]:
        ax.set_ylim(bottom=0)
    axes[3].plot([0, 1], [0, 1], color=palette.QUIET, linewidth=0.8, linestyle=(0, (4, 3)))
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return figure


def distortions(found: Layouts, title: str) -> Figure:
    """Draw where the tissue is stretched (red) and shrunk (blue), a panel for each contestant."""
    heading = f"{title}: tissue drawn too small (blue) or too large (red)"
    wide, high = np.ptp(np.concatenate([true for true, _ in found.values()]), axis=0)
    shape = float(np.clip(high / max(wide, 1e-12), 0.4, 1.5))
    figure, axes = panels(len(found), heading, shape)
    image = None
    for ax, (name, (true, made)) in zip(axes, found.items(), strict=False):
        ax.set_title(palette.elide(name, 24), fontsize=8, color=palette.INK, loc="left")
        ax.set(xticks=[], yticks=[], aspect="equal")
        try:
            maps = local_maps(true, _posed(made, true))
        except InputError:  # all cells on a point or a line
            continue
        values, origin, pixel = maps.drawn(np.log2(np.maximum(maps.area, 2.0**-_MOST_AREA)))
        rows, columns = values.shape
        right, low = origin[0] + pixel * columns, origin[1] + pixel * rows
        image = ax.imshow(
            values,
            extent=(origin[0], right, low, origin[1]),
            cmap="RdBu_r",
            vmin=-_MOST_AREA,
            vmax=_MOST_AREA,
        )
    if image is not None:
        bar = figure.colorbar(image, ax=axes, shrink=0.8, aspect=30, ticks=[-2, -1, 0, 1, 2])
        bar.set_label("predicted area over true area", fontsize=8, color=palette.INK)
        bar.ax.set_yticklabels(["¼", "½", "1", "2", "4"], fontsize=8)
    return figure


@takes_spatialdata
def accuracy_figures(truth: Table, results: Mapping[str, Any], title: str = "") -> Figures:
    """Return pictures of any results beside the truth (GEARS, figure 5), by name.

    Parameters
    ----------
    truth
        Cells with their true places.
    results
        Placed cells of each method, by the name that the pictures give it; matched by cell name.
    title
        Heading of the pictures.

    Returns
    -------
    Figures
        ``distances``: predicted against true distances; ``curves``: shell F1, LRMSE, CalErr and the
        ROC of neighbors; ``distortions``: maps of where the tissue is stretched and shrunk.

    Raises
    ------
    InputError
        A result has fewer than 4 placed cells that are in the truth.

    Examples
    --------
    >>> import napari_spatialrecon as sr
    >>> drawn = sr.accuracy_figures(truth, {"kNN": knn, "GEARS": gears})  # doctest: +SKIP
    >>> drawn["curves"].savefig("curves.png")  # doctest: +SKIP
    """
    found, (factor, unit) = layouts(truth, results), scale(truth)
    for name, (true, _) in found.items():
        if len(true) < _LEAST:
            raise InputError(
                f"Expected {_LEAST} placed cells or more that are in the truth, found {len(true)}.",
                where=name,
            )
    heading = title or ", ".join(map(str, found))
    return {
        "distances": distances(found, heading, factor, unit),
        "curves": curves(found, heading, factor, unit),
        "distortions": distortions(found, heading),
    }


def _posed(made: Array, true: Array) -> Array:
    """Return a layout in the best pose and, so that areas can be compared, of the true size."""
    posed = np.asarray(fit_pose(made, true).apply(made), float)
    center, size = posed.mean(axis=0), np.sqrt(posed.var(axis=0).sum())
    return center + (posed - center) * np.sqrt(true.var(axis=0).sum()) / max(size, 1e-12)
