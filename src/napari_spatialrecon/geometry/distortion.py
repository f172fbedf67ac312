"""How one layout of cells is deformed into another: a local linear map at each node of a grid.

At a node *g* the map is the weighted least-squares fit to its *k* nearest cells of the first
layout,

    J(g) = argmin over J of  sum_i w_i |(b_i - b) - J (a_i - a)|²,   w_i = exp(-|a_i - g|² / 2h²),

where a_i and b_i are the places of cell *i* in the two layouts, a and b their means under w, and
*h* half the distance to the k-th cell. With singular values s1 >= s2 of J, the **area** changes by
det J (below 0: the tissue is folded over) and the **shear** is s1 / s2, which is 1 where the map is
a rotation and a change of size. These are the local maps of moving least squares: Schaefer et al.
(2006), https://doi.org/10.1145/1141911.1141920, eq. 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, map_coordinates
from scipy.spatial import Delaunay, QhullError

from napari_spatialrecon.geometry.neighbours import nearest

Array = NDArray[np.float64]

_LEAST, _MOST, _SHARE = 12, 300, 10
"""Cells of a fit: a tenth of all, within these bounds."""
_COARSE, _FINE = 8, 24
"""Nodes along the longer side: the root of the number of cells, within these bounds."""
_REACH = 1.6
"""Distance to the nearest cell, in spacings of cells, beyond which there is no tissue."""
_FINER = 8
"""Pixels of a drawn map between two nodes, and pieces of an edge that is cut."""
_OUTLINED = 5000
"""Most cells that the outline of the tissue is found from."""
_COLLAPSED = 1e-6
"""Ratio of the spreads of the cells of a fit below which they lie on a line."""


@dataclass(frozen=True, eq=False)
class Distortion:
    """Local linear maps from one layout to another on a square grid of `step`.

    Parameters
    ----------
    origin : (2,) float, (x, y)
        The node of row 0 and column 0.
    step
        Distance between nodes.
    linear : (rows, columns, 2, 2) float
        The map J; NaN away from the tissue.
    target : (rows, columns, 2) float, (x, y)
        The node in the second layout; NaN likewise.
    cells : (n, 2) float, (x, y)
        The first layout.
    """

    origin: Array
    step: float
    linear: Array
    target: Array
    cells: Array

    @property
    def area(self) -> Array:
        """Area in the second layout over that in the first, (rows, columns); negative if folded."""
        (a, b), (c, d) = np.moveaxis(self.linear, (2, 3), (0, 1))
        return np.asarray(a * d - b * c)

    @property
    def shear(self) -> Array:
        """Longest over shortest stretch, (rows, columns), at least 1."""
        shear = np.full(self.linear.shape[:2], np.nan)
        known = np.isfinite(self.linear).all(axis=(2, 3))
        long, short = np.linalg.svd(self.linear[known], compute_uv=False).T
        shear[known] = long / np.maximum(short, 1e-12)
        return shear

    @property
    def nodes(self) -> Array:
        """The nodes in the first layout, (rows, columns, 2) as (x, y)."""
        rows, columns = self.linear.shape[:2]
        y, x = np.mgrid[:rows, :columns].astype(float)
        return self.origin + self.step * np.stack([x, y], axis=-1)

    def drawn(self, values: Array) -> tuple[Array, Array, float]:
        """Return values of the nodes as a smooth map that ends where the tissue does.

        Parameters
        ----------
        values : (rows, columns) float

        Returns
        -------
        The map, NaN outside of the tissue; its origin (x, y); and the distance of its pixels.
        """
        low, high = self.cells.min(axis=0), self.cells.max(axis=0)
        pixel = self.step / _FINER
        columns, rows = np.ceil((high - low) / pixel).astype(int) + 1
        y, x = np.mgrid[:rows, :columns].astype(float)
        points = low + pixel * np.stack([x, y], axis=-1)
        unknown = np.isnan(values)
        if unknown.all():
            return np.full((rows, columns), np.nan), low, pixel
        nearest_known = distance_transform_edt(unknown, return_distances=False, return_indices=True)
        at = ((points - self.origin) / self.step)[..., ::-1]
        found = map_coordinates(
            values[tuple(nearest_known)], np.moveaxis(at, -1, 0), order=1, mode="nearest"
        )
        return np.where(self._holds(points), found, np.nan), low, pixel

    @cached_property
    def lines(self) -> Array:
        """Edges of the deformed grid, (n, 2, 2): start and end of each, as (x, y).

        They end where the tissue of the first layout does.
        """
        nodes, target = (
            np.concatenate(
                [
                    np.stack([grid[:, :-1], grid[:, 1:]], axis=-2).reshape(-1, 2, 2),
                    np.stack([grid[:-1], grid[1:]], axis=-2).reshape(-1, 2, 2),
                ]
            )
            for grid in (self.nodes, self.target)
        )
        known = np.isfinite(target).all(axis=(1, 2))
        at = np.linspace(0.0, 1.0, _FINER + 1)[:, None]
        before, after = (
            edges[known, :1] * (1 - at) + edges[known, 1:] * at for edges in (nodes, target)
        )
        inside = self._holds(before)
        whole = np.asarray(inside.all(axis=1))
        pieces = np.stack([after[:, :-1], after[:, 1:]], axis=-2)
        ends = pieces[inside[:, :-1] & inside[:, 1:] & ~whole[:, None]]
        return np.concatenate([after[whole][:, [0, -1]], ends])

    def _holds(self, points: Array) -> NDArray[np.bool_]:
        """Return which points (..., 2) of the first layout lie in its tissue."""
        return _within(self.cells, points, _REACH * max(self.step, _spacing(self.cells)))


def local_maps(
    first: np.ndarray,
    second: np.ndarray,
    *,
    across: int | None = None,
    neighbours: int | None = None,
) -> Distortion:
    """Return how `first` is deformed into `second`.

    Parameters
    ----------
    first, second : (n, 2) float, (x, y)
        The same cells in the same order, in one frame and unit.
    across
        Nodes along the longer side of the first layout; by default the root of the number of
        cells, 8 to 24.
    neighbours
        Cells of each fit; by default a tenth of all, 12 to 300.

    Examples
    --------
    >>> places = np.random.default_rng(0).random((200, 2))
    >>> wider = local_maps(places, places * [2.0, 1.0])
    >>> float(np.nanmedian(wider.area).round(3)), float(np.nanmedian(wider.shear).round(3))
    (2.0, 2.0)
    """
    a, b = np.asarray(first, float), np.asarray(second, float)
    low, high = a.min(axis=0), a.max(axis=0)
    across = across or int(np.clip(np.sqrt(len(a)), _COARSE, _FINE))
    step = float((high - low).max()) / max(across - 1, 1) or 1.0
    columns, rows = np.floor((high - low) / step + 1e-9).astype(int) + 1
    origin = (low + high) / 2 - step * (np.array([columns, rows]) - 1) / 2
    y, x = np.mgrid[:rows, :columns].astype(float)
    nodes = (origin + step * np.stack([x, y], axis=-1)).reshape(-1, 2)
    k = neighbours or int(np.clip(len(a) // _SHARE, _LEAST, _MOST))
    near, distance = nearest(a, k, queries=nodes)
    linear, target = _fits(a[near], b[near], nodes, distance)
    away = distance[:, 0] > _REACH * max(step, _spacing(a))
    linear[away], target[away] = np.nan, np.nan
    linear, target = linear.reshape(rows, columns, 2, 2), target.reshape(rows, columns, 2)
    return Distortion(origin, step, linear, target, a)


def _fits(a: Array, b: Array, nodes: Array, distance: Array) -> tuple[Array, Array]:
    """Fit the map of each node, given its cells (m, k, 2) in both layouts."""
    width = np.maximum(distance[:, -1:] / 2, 1e-12)
    weight = np.exp(-((distance / width) ** 2) / 2)
    weight /= weight.sum(axis=1, keepdims=True)
    a_mean, b_mean = (np.einsum("mk,mkd->md", weight, part) for part in (a, b))
    a, b = a - a_mean[:, None], b - b_mean[:, None]
    spread = np.einsum("mk,mkd,mke->mde", weight, a, a)
    shared = np.einsum("mk,mkd,mke->mde", weight, b, a)
    long, short = np.linalg.svd(spread, compute_uv=False).T
    flat = short <= _COLLAPSED * np.maximum(long, 1e-300)
    spread[flat] = np.eye(2)
    linear = shared @ np.linalg.inv(spread)
    linear[flat] = np.nan
    target = b_mean + np.einsum("mde,me->md", linear, nodes - a_mean)
    return linear, target


def _within(cells: Array, points: Array, reach: float) -> NDArray[np.bool_]:
    """Return which points lie in the alpha shape of the cells, of discs of radius `reach`."""
    places = _distinct(cells)
    places = places[:: max(1, len(places) // _OUTLINED)]
    try:
        triangles = Delaunay(places)
    except (QhullError, ValueError):  # fewer than three, or all on a line
        return np.ones(points.shape[:-1], bool)
    a, b, c = np.moveaxis(places[triangles.simplices], 1, 0)
    ab, bc, ca = (np.linalg.norm(side, axis=1) for side in (b - a, c - b, a - c))
    (abx, aby), (acx, acy) = (b - a).T, (c - a).T
    twice_area = np.maximum(np.abs(abx * acy - aby * acx), 1e-300)
    full = ab * bc * ca / (2 * twice_area) <= reach
    which = triangles.find_simplex(points)
    return np.asarray((which >= 0) & full[which])


def _distinct(points: Array) -> Array:
    """Return the different ones of points (n, 2), sorted by x, then by y.

    As complex numbers, which numpy sorts seven times as fast as `np.unique` does rows; that also
    keeps all other threads waiting.
    """
    pairs = np.sort(np.ascontiguousarray(points, np.float64).view(np.complex128).ravel())
    first = np.ones(len(pairs), bool)
    first[1:] = pairs[1:] != pairs[:-1]
    return pairs[first].view(np.float64).reshape(-1, 2)


def _spacing(points: Array) -> float:
    """Return the median distance of some cells to their nearest neighbour elsewhere."""
    places = _distinct(points)
    if len(places) < 2:
        return 0.0
    some = places[:: max(1, len(places) // 2000)]
    return float(np.median(nearest(places, 2, queries=some)[1][:, 1]))
