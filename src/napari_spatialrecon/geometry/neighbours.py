"""Nearest neighbours and the graphs they make."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from scipy.spatial import KDTree
from sklearn.neighbors import NearestNeighbors

from napari_spatialrecon.errors import InputError

#: Above this dimension a tree visits nearly every leaf and blocked brute force is faster.
_TREE_DIMENSION = 10


def nearest(
    points: np.ndarray, k: int, queries: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the `k` nearest `points` of each query, nearest first.

    Parameters
    ----------
    points : (n, d) float
        Points to search.
    k
        At least 1; if there are fewer points, all are returned.
    queries : (m, d) float, optional
        By default the points themselves; a point is then not its own neighbour, but another point
        in the same place may be.

    Returns
    -------
    indices : (m, k) int
    distances : (m, k) float

    Raises
    ------
    InputError
        `k` is below 1, or a coordinate is not finite.

    Examples
    --------
    >>> indices, distances = nearest(np.array([[0.0], [1.0], [3.0]]), 1)
    >>> indices.ravel(), distances.ravel()
    (array([1, 0, 1]), array([1., 1., 2.]))
    """
    if k < 1:
        raise InputError(f"Expected at least 1 neighbor, found {k}.")
    if not np.isfinite(points).all() or (queries is not None and not np.isfinite(queries).all()):
        raise InputError("Expected finite coordinates, found some that are not finite.")
    if queries is not None:
        return _query(points, queries, min(k, len(points)))
    k = min(k, len(points) - 1)
    indices, distances = _query(points, points, k + 1)
    own = indices == np.arange(len(points))[:, None]
    own[~own.any(axis=1), -1] = True
    return indices[~own].reshape(-1, k), distances[~own].reshape(-1, k)


def _query(points: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    if points.shape[1] <= _TREE_DIMENSION:
        distances, indices = KDTree(points).query(queries, k=range(1, k + 1))
        return indices, distances
    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(points)
    distances, indices = search.kneighbors(queries)
    return indices, distances


def neighbour_graph(points: np.ndarray, k: int) -> csr_matrix:
    """Return the (n, n) matrix that averages over each point's `k` nearest neighbours.

    Parameters
    ----------
    points : (n, d) float
        Cells, in space or in an embedding.
    k
        Number of neighbours; all other points if there are fewer.

    Examples
    --------
    >>> neighbour_graph(np.array([[0.0], [1.0], [3.0]]), 1) @ np.array([10.0, 20.0, 30.0])
    array([20., 10., 20.])
    """
    indices, _ = nearest(points, k)
    n, k = indices.shape
    weights = np.full(indices.size, 1 / max(k, 1))
    graph = csr_matrix((weights, indices.ravel(), np.arange(n + 1) * k), shape=(n, n))
    graph.sort_indices()
    return graph
