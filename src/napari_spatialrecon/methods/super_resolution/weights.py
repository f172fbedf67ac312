"""Interpolations as sparse matrices: the weight of each spot at each sub-spot.

Outside the slide, the nearest spot is used; gaps between spots of a square grid count as zero, as
in a raster of bins.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.sparse import csr_matrix
from scipy.spatial import Delaunay, KDTree
from scipy.special import ndtr

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.tissue.lattice import Lattice
from napari_spatialrecon.tissue.subspots import SubSpots

#: Width of the Gaussian (standard deviation) in pitches, and its truncation in standard deviations.
GAUSSIAN_WIDTH, _REACH = 0.5, 4.0


def linear_weights(parts: SubSpots) -> csr_matrix:
    """Return bilinear weights (square grids), or linear ones on triangles (hexagons, free layouts).

    Returns
    -------
    (n * K, n) csr
        Rows are parts, columns spots.
    """
    lattice = parts.lattice
    if lattice.kind == "free":
        return _triangulated(parts)
    index, weights = _corners(parts)
    if lattice.kind == "square":
        index = np.clip(index, 0, lattice.index.max(axis=0))
    return _gathered(lattice, index, weights)


def linear_coverage(parts: SubSpots) -> np.ndarray:
    """Return the share of each part's linear weights that falls on spots, (n * K,), 0 to 1.

    It is less than 1 at the edge of the slide and around gaps. Without a grid it is unknown and set
    to 1.
    """
    lattice = parts.lattice
    if lattice.kind == "free":
        return np.ones(len(lattice.points) * parts.factor.parts)
    index, weights = _corners(parts)
    return np.asarray((weights * (lattice.rows_at(index) >= 0)).sum(axis=1))


def _corners(parts: SubSpots) -> tuple[np.ndarray, np.ndarray]:
    """Return the grid positions around each part, (m, 4, 2), and their linear weights, (m, 4)."""
    lattice = parts.lattice
    places = (lattice.index[:, None] + parts.steps).reshape(-1, 2)
    low = np.floor(places).astype(int)
    share = places - low
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
    u, v = share.T
    if lattice.kind == "square":
        weights = np.stack([(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v], axis=1)
    else:
        under = u + v <= 1
        weights = np.stack(
            [
                np.where(under, 1 - u - v, 0),
                np.where(under, u, 1 - v),
                np.where(under, v, 1 - u),
                np.where(under, 0, u + v - 1),
            ],
            axis=1,
        )
    return low[:, None] + corners, weights


def gaussian_weights(parts: SubSpots, width: float = GAUSSIAN_WIDTH) -> csr_matrix:
    """Return the weights of a Gaussian around each part.

    On a square grid it is integrated over each bin; elsewhere it is evaluated at spot centres.

    Parameters
    ----------
    width
        Standard deviation, in pitches.
    """
    lattice = parts.lattice
    if lattice.kind != "square":
        return _around(parts, width)
    reach = int(np.ceil(_REACH * width + 0.5))
    window = np.arange(-reach, reach + 1)
    moves = np.stack(np.meshgrid(window, window, indexing="ij"), axis=-1).reshape(-1, 2)
    away = moves - parts.steps[:, None]
    one = ndtr((away + 0.5) / width) - ndtr((away - 0.5) / width)
    weights = np.tile(one.prod(axis=-1), (len(lattice.index), 1))
    index = np.repeat(lattice.index, len(parts.steps), axis=0)[:, None] + moves
    return _gathered(lattice, _reflected(index, lattice.index.max(axis=0)), weights)


def bicubic(parts: SubSpots, values: np.ndarray) -> np.ndarray:
    """Interpolate by a cubic spline on the grid, (n, g) to (n * K, g); negative values become 0.

    Raises
    ------
    InputError
        The spots are not on a grid.
    """
    lattice = parts.lattice
    if lattice.kind == "free":
        raise InputError(
            "Expected spots on a grid for bicubic interpolation, found none.",
            remedy=f"Try {argument('method', 'bilinear')}, or gaussian.",
        )
    places = (lattice.index[:, None] + parts.steps).reshape(-1, 2).T
    raster = np.zeros(lattice.index.max(axis=0) + 1)
    found = np.empty((places.shape[1], values.shape[1]))
    for gene in range(values.shape[1]):
        raster[tuple(lattice.index.T)] = values[:, gene]
        found[:, gene] = ndimage.map_coordinates(raster, places, order=3, mode="nearest")
    return np.maximum(found, 0)


def _gathered(lattice: Lattice, index: np.ndarray, weights: np.ndarray) -> csr_matrix:
    """Sum weights (m, w) at grid indices (m, w, 2) into a matrix (m, n)."""
    spots = lattice.rows_at(index)
    there = spots >= 0
    parts = np.broadcast_to(np.arange(len(spots))[:, None], spots.shape)
    matrix = csr_matrix(
        (weights[there], (parts[there], spots[there])), shape=(len(spots), len(lattice.points))
    )
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix if lattice.kind == "square" else _normalised(matrix)


def _normalised(matrix: csr_matrix) -> csr_matrix:
    total = np.asarray(matrix.sum(axis=1)).ravel()
    scale = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
    return csr_matrix(matrix.multiply(scale[:, None]))


def _reflected(index: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Mirror indices at the edges of the grid, edge bins repeated."""
    index = np.where(index < 0, -1 - index, index)
    index = np.where(index > last, 2 * last + 1 - index, index)
    return np.clip(index, 0, last)


def _around(parts: SubSpots, width: float) -> csr_matrix:
    lattice, centres = parts.lattice, parts.centres
    sigma = width * lattice.pitch
    tree = KDTree(lattice.points)
    near = KDTree(centres).sparse_distance_matrix(tree, _REACH * sigma, output_type="coo_matrix")
    weights = np.exp(-0.5 * (near.data / sigma) ** 2)
    shape = (len(centres), len(lattice.points))
    own = csr_matrix(
        (np.full(len(centres), 1e-12), (np.arange(len(centres)), parts.parents)), shape=shape
    )
    return _normalised(csr_matrix((weights, (near.row, near.col)), shape=shape) + own)


def _triangulated(parts: SubSpots) -> csr_matrix:
    points, centres = parts.lattice.points, parts.centres
    triangles = Delaunay(points)
    which = triangles.find_simplex(centres)
    affine = triangles.transform[which]
    first = np.einsum("mij,mj->mi", affine[:, :2], centres - affine[:, 2])
    weights = np.c_[first, 1 - first.sum(axis=1)]
    columns = triangles.simplices[which]
    outside = (which < 0) | ~np.isfinite(weights).all(axis=1)
    weights[outside], columns[outside] = [1.0, 0.0, 0.0], parts.parents[outside, None]
    rows = np.repeat(np.arange(len(centres)), 3)
    shape = (len(centres), len(points))
    return csr_matrix((weights.ravel(), (rows, columns.ravel())), shape=shape)
