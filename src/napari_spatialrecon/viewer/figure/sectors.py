"""Mixtures as pies in a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from napari_spatialrecon.viewer.figure.scene import Dots

VECTORS = 40_000
"""Up to this many sectors are drawn as vectors; more as pixels within the file."""
_ARC = 25
"""Corners along the arc of a sector."""


def draw_pies(ax: Axes, dots: Dots, radii: np.ndarray, rims: np.ndarray, order: int) -> None:
    """Draw a pie at each point, its sectors clockwise from the top.

    Parameters
    ----------
    radii : (n,) float
        In the unit of the axes.
    rims : (n,) float
        Widths in points.
    """
    from matplotlib.collections import EllipseCollection, PolyCollection

    assert dots.pies is not None, "drawn where there are pies"
    polygons, colors = sectors(dots.places, radii, dots.pies.ends, dots.pies.colors)
    many = len(polygons) > VECTORS
    width = 2 * radii
    discs: Any = {"units": "x", "offsets": dots.places, "offset_transform": ax.transData}
    rest = EllipseCollection(
        width, width, np.zeros(len(width)), facecolors=dots.pies.rest, zorder=order, **discs
    )
    pies = PolyCollection(list(polygons), facecolors=colors, edgecolors="none", zorder=order)
    edges = EllipseCollection(
        width,
        width,
        np.zeros(len(width)),
        facecolors="none",
        edgecolors=dots.rims,
        linewidths=rims,
        zorder=order,
        **discs,
    )
    for part in (rest, pies, edges):
        part.set_rasterized(many)
        ax.add_collection(part, autolim=False)


def sectors(
    places: np.ndarray, radii: np.ndarray, ends: np.ndarray, colors: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sectors with a width as polygons, and their colors.

    Parameters
    ----------
    places : (n, 2) float, (x, y)
        With y down, as in an image.
    radii : (n,) float
    ends : (n, k) float
        End of each sector as a share of a turn.
    colors : (n, k, 4) float

    Returns
    -------
    polygons : (m, corners, 2) float, (x, y)
    colors : (m, 4) float

    Examples
    --------
    >>> ends, colors = np.array([[0.25, 0.25, 1.0]]), np.ones((1, 3, 4))
    >>> polygons, _ = sectors(np.zeros((1, 2)), np.ones(1), ends, colors)
    >>> len(polygons), np.abs(polygons[0].max(axis=0)).round(2), polygons[0].min(axis=0).round(2)
    (2, array([1., 0.]), array([ 0., -1.]))
    """
    starts = np.column_stack([np.zeros(len(ends)), ends[:, :-1]])
    row, column = np.nonzero(ends - starts > 0)
    share = np.linspace(starts[row, column], ends[row, column], _ARC, axis=1)
    angle = 2 * np.pi * share
    arc = np.stack([np.sin(angle), -np.cos(angle)], axis=2) * radii[row, None, None]
    whole = np.concatenate([np.zeros((len(row), 1, 2)), arc], axis=1) + places[row, None]
    return whole, colors[row, column]
