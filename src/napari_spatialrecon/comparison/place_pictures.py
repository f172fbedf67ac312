"""Pictures of placements beside one another: distances, curves, and maps of distortion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from anndata import AnnData
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation import palette
from napari_spatialrecon.evaluation.place_curves import place_curves
from napari_spatialrecon.geometry.distortion import local_maps
from napari_spatialrecon.geometry.procrustes import fit_pose
from napari_spatialrecon.tissue.slots import GEOMETRY, SPATIAL

Array = NDArray[np.float64]
#: Title of a contestant: true places, and predicted ones in their own frame.
Layouts = Mapping[str, tuple[Array, Array]]
_COLUMNS, _SIDE, _DPI = 5, 2.3, 120
#: Change of area that colors end at, as a power of two.
_MOST_AREA = 2.0
#: Yellow cannot be seen as a line.
_COLORS = tuple(color for color in palette.CATEGORIES if color != "#F0E442")
_LINES = ("-", "--", "-.", ":")


def layouts(truth: AnnData, made: Mapping[str, AnnData]) -> Layouts:
    """Return true and predicted places of the cells that a contestant placed."""
    found = {}
    for title, table in made.items():
        key = GEOMETRY if GEOMETRY in table.obsm else SPATIAL
        rows = table.obs_names.get_indexer(truth.obs_names)
        places = np.asarray(table.obsm[key], float)[rows, :2]
        kept = (rows >= 0) & np.isfinite(places).all(axis=1)
        found[title] = (np.asarray(truth.obsm[SPATIAL], float)[kept], places[kept])
    return found


def distances(found: Layouts, title: str) -> Figure:
    """Draw predicted against true distances of pairs, a panel for each contestant."""
    figure, panels = _panels(len(found), f"{title}: predicted and true distances")
    for ax, (name, (true, made)) in zip(panels, found.items(), strict=False):
        pairs = place_curves(true, made, most=800).distances
        most = float(np.quantile(pairs[:, 0], 0.999))
        ax.hexbin(
            *pairs.T, gridsize=36, extent=(0, most, 0, most), cmap="Blues", norm=LogNorm(vmin=1)
        )
        ax.plot([0, most], [0, most], color=palette.INK, linewidth=0.8, linestyle=(0, (4, 3)))
        ax.set(xlim=(0, most), ylim=(0, most), aspect="equal", xticks=[], yticks=[])
        ax.set_title(palette.elide(name, 24), fontsize=8, color=palette.INK, loc="left")
    figure.supxlabel("true distance", fontsize=8, color=palette.INK)
    figure.supylabel("predicted distance", fontsize=8, color=palette.INK)
    return figure


def curves(found: Layouts, title: str) -> Figure:
    """Draw shell F1, LRMSE, CalErr and the ROC of neighbors, a line for each contestant."""
    figure = Figure((10, 7.4), dpi=_DPI, layout="constrained")
    figure.suptitle(title, fontsize=10, color=palette.INK, x=0.01, ha="left", weight="bold")
    panels = figure.subplots(2, 2).ravel()
    colors = palette.category_colors(list(found), _COLORS)
    for number, (name, (true, made)) in enumerate(found.items()):
        one = place_curves(true, made)
        style = {
            "color": colors[name],
            "linewidth": 1.4,
            "linestyle": _LINES[number // 6 % len(_LINES)],
            "label": palette.elide(name, 28),
        }
        panels[0].plot(one.shell, one.shell_f1, **style)
        panels[1].plot(one.neighbours, one.lrmse, **style)
        panels[2].plot(one.neighbours, one.cal_err, **style)
        panels[3].plot(*one.roc.T, **style)
    words = (
        ("F1 of distance shells ↑", "true distance (RMS radii of the tissue)"),
        ("LRMSE ↓", "nearest neighbors"),
        ("CalErr ↓", "neighbor"),
        ("ROC of true neighbors", "share of other pairs"),
    )
    for ax, (heading, below) in zip(panels, words, strict=True):
        ax.set_title(heading, fontsize=9, color=palette.INK, loc="left")
        ax.set_xlabel(below, fontsize=8, color=palette.INK)
        ax.tick_params(labelsize=8, colors=palette.INK)
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(color=palette.RULE, linewidth=0.6)
    for ax in panels[1:3]:
        ax.set_ylim(bottom=0)
    panels[3].plot([0, 1], [0, 1], color=palette.QUIET, linewidth=0.8, linestyle=(0, (4, 3)))
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return figure


def distortions(found: Layouts, title: str) -> Figure:
    """Draw where the tissue is stretched (red) and shrunk (blue), a panel for each contestant."""
    figure, panels = _panels(len(found), f"{title}: change of area, from a quarter to four times")
    image = None
    for ax, (name, (true, made)) in zip(panels, found.items(), strict=False):
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
        bar = figure.colorbar(image, ax=list(panels), shrink=0.6, ticks=[-2, -1, 0, 1, 2])
        bar.ax.set_yticklabels(["¼", "½", "1", "2", "4"], fontsize=8)
    return figure


def _posed(made: Array, true: Array) -> Array:
    """Return a layout in the best pose and, so that areas can be compared, of the true size."""
    posed = np.asarray(fit_pose(made, true).apply(made), float)
    center, size = posed.mean(axis=0), np.sqrt(posed.var(axis=0).sum())
    return center + (posed - center) * np.sqrt(true.var(axis=0).sum()) / max(size, 1e-12)


def _panels(count: int, title: str) -> tuple[Figure, Iterator[Axes] | list[Axes]]:
    columns = min(_COLUMNS, count)
    rows = -(-count // columns)
    size = (_SIDE * columns + 0.6, _SIDE * rows + 0.7)
    figure = Figure(size, dpi=_DPI, layout="constrained")
    figure.suptitle(title, fontsize=10, color=palette.INK, x=0.01, ha="left", weight="bold")
    panels = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for ax in panels[count:]:
        ax.set_axis_off()
    for ax in panels[:count]:
        ax.spines[:].set(color=palette.RULE, linewidth=0.8)
    return figure, panels
