"""Figures 3 and 4 of the GEARS paper, of any placed cells: a table and a picture of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation import palette
from napari_spatialrecon.evaluation.backdrop import ImagePyramid, fit_view
from napari_spatialrecon.evaluation.communities import RESOLUTION
from napari_spatialrecon.evaluation.pictures import draw_histology, overlay
from napari_spatialrecon.faces import argument
from napari_spatialrecon.report.ground import opened, type_column
from napari_spatialrecon.report.near_types import (
    Vicinity,
    draw_boxes,
    own_markers,
    vicinity,
)
from napari_spatialrecon.tasks.communities import PLACES, community_types, mark_communities
from napari_spatialrecon.tasks.groups import log_expression, markers
from napari_spatialrecon.tasks.vicinity import default_radius, near
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.sdata.inputs import Table, takes_spatialdata
from napari_spatialrecon.tissue.slots import COMMUNITY, GEOMETRY

#: Genes that are drawn where none are named.
_DRAWN = 4
#: Width of the histology below points, in pixels.
_PIXELS = 700


@dataclass(frozen=True, eq=False)
class DrawnTable:
    """A table, and the figure that shows it (`evaluation.pictures.save_png` writes it)."""

    table: pd.DataFrame
    figure: Figure


@takes_spatialdata
def communities_figure(
    placed: Table,
    *,
    types: str | None = None,
    neighbours: int = 15,
    resolution: float = RESOLUTION,
    seed: int = 0,
) -> DrawnTable:
    """Return the spatial communities of placed cells, with main type and purity (GEARS, figure 3c).

    Parameters
    ----------
    placed
        As for `tasks.communities.mark_communities`, like the last three.
    types
        Column of ``obs`` with the cell types; by default the one that looks like it.
    neighbours
        Nearest cells that each is tied to.
    resolution
        Of Leiden: more find more communities.
    seed
        Seed; the same seed on the same machine gives the same bytes.

    Returns
    -------
    DrawnTable
        The table is that of `tasks.communities.community_types`.

    Raises
    ------
    InputError
        There are no positions, or no such column.

    Examples
    --------
    >>> import napari_spatialrecon as sr
    >>> drawn = sr.communities_figure(placed, types="cell_type")  # doctest: +SKIP
    >>> drawn.figure.savefig("communities.png")  # doctest: +SKIP
    """
    _check_column(placed, types)
    marked = mark_communities(placed, neighbours=neighbours, resolution=resolution, seed=seed)
    column = type_column(placed, types)
    missing = pd.Series([None] * placed.n_obs)
    kinds = missing if column is None else placed.obs[column].reset_index(drop=True)
    groups = marked.obs[COMMUNITY].reset_index(drop=True)
    slot = next(name for name in PLACES if name in placed.obsm)
    scale = 1.0 if slot == GEOMETRY else contract.um_per_unit(placed)
    return draw_communities(
        np.asarray(placed.obsm[slot], float)[:, :2], groups, kinds, um_per_unit=scale
    )


def draw_communities(
    places: np.ndarray,
    groups: pd.Series,
    types: pd.Series,
    *,
    um_per_unit: float | None,
) -> DrawnTable:
    """Draw communities (n,) of places (n, 2), named by main type and purity (`community_types`)."""
    table = community_types(groups, types)
    names = {
        str(name): f"{name}  {palette.elide(row.main_type, 18)} {row.purity:.0%}"
        if row.main_type
        else str(name)
        for name, row in table.iterrows()
    }
    order = pd.CategoricalDtype(list(names.values()))
    figure = overlay(
        places,
        groups.astype(str).map(names).astype(order),
        um_per_unit=um_per_unit,
        kind="category",
        label="community",
    )
    return DrawnTable(table, figure)


@takes_spatialdata
def vicinity_figure(
    placed: Table,
    slide: Table,
    kind: str,
    *,
    types: str | None = None,
    radius: float | None = None,
    genes: Sequence[str] = (),
    folder: str | Path | None = None,
) -> DrawnTable:
    """Return which genes are higher in measured spots near placed cells of a type (figure 4).

    Spots are not independent of their neighbors, and the method used their expression to place the
    cells: p-values rank genes, and are too small.

    Parameters
    ----------
    placed
        Cells placed on the slide, in its frame, with counts.
    slide
        Measured spots with counts.
    kind
        Type whose vicinity is tested.
    types
        Column of the cells' ``obs`` with the types; by default the one that looks like it.
    radius
        How near is near, in the slide's unit; by default 1.5 times the spacing of the spots.
    genes
        Genes to draw; by default markers of the type, else those that differ most.
    folder
        Folder of the image files that the slide names. Its H&E, if it has one, is drawn below.

    Returns
    -------
    DrawnTable
        The table is that of `tasks.groups.markers`: Wilcoxon's test and the fold change of each
        gene.

    Raises
    ------
    InputError
        There is no such column, type or gene, or fewer than 3 spots are near, or farther away.

    Examples
    --------
    >>> import napari_spatialrecon as sr
    >>> drawn = sr.vicinity_figure(placed, slide, "pDC", genes=["BST2", "NRP1"])  # doctest: +SKIP
    >>> drawn.table.head()  # doctest: +SKIP
    """
    _check_column(placed, types)
    column = type_column(placed, types)
    if column is None:
        raise InputError("Expected a column of cell types, found none.", where=argument("types"))
    labels = placed.obs[column].astype(str).where(placed.obs[column].notna())
    own = (labels == kind).to_numpy()
    if not own.any():
        known = ", ".join(labels.value_counts().index[:8])
        raise InputError(f"Expected a type of {column}, found {kind!r}.", remedy=f"Try {known}.")
    spots = contract.coordinates(slide)
    close = near(spots, contract.coordinates(placed)[own], radius or default_radius(spots))
    table = markers(slide, close)
    expression, own_genes = log_expression(slide), list(genes) or own_markers(placed, own)
    found = vicinity(slide, expression, own, close, kind, own_genes)
    if found is None and genes:
        raise InputError(
            f"Expected genes of the slide, found {', '.join(genes)}.",
            remedy=f"Try one of {', '.join(table.index[:_DRAWN])}.",
            where=argument("genes"),
        )
    found = found or vicinity(slide, expression, own, close, kind, list(table.index[:_DRAWN]))
    assert found is not None, "the table's genes are the slide's"
    places = {"near": spots[close], "far": spots[~close]}
    return DrawnTable(table, draw_vicinity(found, **places, image=opened(slide, folder)))


def draw_vicinity(
    one: Vicinity, *, near: np.ndarray, far: np.ndarray, image: ImagePyramid | None = None
) -> Figure:
    """Draw places, (n, 2), y down, near and farther away, above expression in both.

    Parameters
    ----------
    image
        Histology in the frame of the places, drawn below them.
    """
    figure = Figure((8, 7), dpi=150, layout="constrained")
    grid = figure.add_gridspec(2, 1, height_ratios=(3, 2))
    above, below = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    ax, size = above.subplots(), float(np.clip(6000 / (len(near) + len(far)), 2, 60))
    both = np.concatenate([near, far])
    stained = image is not None and draw_histology(ax, image, fit_view(both, both), _PIXELS)
    for places, name, color in zip(
        (far, near),
        ("farther away", f"near {palette.elide(one.kind, 24)}"),
        palette.CATEGORIES[1::-1],
        strict=True,
    ):
        label = f"{name} ({len(places):,})"
        ax.scatter(
            places[:, 0],
            places[:, 1],
            s=size / 2 if stained else size,
            color=color,
            edgecolors="white",
            linewidths=0.4 if stained else 0,
            label=label,
        )
    ax.set(aspect="equal", xticks=[], yticks=[])
    if not stained:
        ax.invert_yaxis()
    ax.spines[:].set(color=palette.RULE, linewidth=0.8)
    ax.legend(
        frameon=False,
        fontsize=8,
        loc="center left",
        bbox_to_anchor=(1, 0.5),
    )
    draw_boxes(one, below)
    return figure


def _check_column(placed: Table, types: str | None) -> None:
    if types is not None and types not in placed.obs:
        raise InputError(
            f"Expected a column of obs, found {types!r}.",
            remedy=f"Try one of {', '.join(map(str, list(placed.obs.columns)[:8]))}.",
            where=argument("types"),
        )
