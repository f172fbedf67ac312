"""The neighbour graph of an embedding: step 1 of GEARS inference (section 3.5)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, triu
from scipy.sparse.csgraph import connected_components

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.neighbours import nearest
from napari_spatialrecon.progress import Reporter

#: Edges added from an isolated cell to its nearest neighbours.
_RESCUED = 5

#: Edges compared at a time, and distances computed between two checks of the stop signal.
_CHUNK, _DISTANCES = 100_000, 40_000_000


@dataclass(frozen=True, eq=False)
class Locality:
    """Graph that joins mutual nearest neighbours.

    Parameters
    ----------
    graph : (n, n) csr float
        Symmetric; the Jaccard overlap of the neighbourhoods of two joined cells (possibly tiny for
        an isolated cell, never 0).
    isolated : (n,) bool
        Cells without a mutual nearest neighbour; extra edges join them to the graph.
    pieces : (n,) int
        Connected component of each cell, 0 for the largest, in decreasing order of size.
    """

    graph: csr_matrix
    isolated: np.ndarray
    pieces: np.ndarray


def locality_graph(
    embedding: np.ndarray,
    *,
    k: int = 50,
    jaccard: float = 0.2,
    reporter: Reporter | None = None,
) -> Locality:
    """Return the mutual nearest-neighbour graph, without edges that few shared neighbours support.

    Step 1 of section 3.5 (k_Z = 50, τ_J = 0.2): cells i and j are joined if each is among the `k`
    nearest of the other and their neighbourhoods overlap by more than `jaccard`,
    ``|N(i) ∩ N(j)| / |N(i) ∪ N(j)|``. Not in the paper: an isolated cell is joined to its nearest
    neighbours and flagged, since every cell must be reached.

    Parameters
    ----------
    embedding : (n, d) float
        Cells. The overall scale does not matter, but the relative scales of the axes do. Above 10
        dimensions the time is O(n²) (see `nearest`); memory is linear.
    k
        Number of neighbours per cell; all others if there are fewer.
    jaccard
        Smallest overlap, from 0 to below 1.

    Raises
    ------
    InputError
        There are fewer than 2 cells, a number is not finite, or an option is out of bounds.
    """
    if embedding.ndim != 2 or len(embedding) < 2:
        raise InputError(
            f"Expected an embedding of at least 2 cells, found shape {embedding.shape}."
        )
    if not 0 <= jaccard < 1:
        raise InputError(f"Expected a Jaccard overlap from 0 to below 1, found {jaccard:g}.")
    reporter = reporter or Reporter()
    reporter.begin("Finding similar cells")
    indices = _nearest(embedding, min(k, len(embedding) - 1), reporter)
    n, k = indices.shape
    near = csr_matrix(
        (np.ones(indices.size, np.float32), indices.ravel(), np.arange(n + 1) * k), shape=(n, n)
    )
    near.sort_indices()
    mutual = triu(near.multiply(near.T), k=1).tocoo()
    overlap = _overlaps(near, mutual.row, mutual.col, reporter)
    kept = overlap > jaccard
    first, second, overlap = mutual.row[kept], mutual.col[kept], overlap[kept]
    isolated = np.ones(n, bool)
    isolated[first] = isolated[second] = False
    rescued = np.flatnonzero(isolated)
    targets = indices[rescued, :_RESCUED]
    sources = np.repeat(rescued, targets.shape[1])
    shared = _overlaps(near, sources, targets.ravel(), reporter)
    graph = csr_matrix(
        (
            np.concatenate([overlap, np.maximum(shared, 1 / (2 * k))]),
            (np.concatenate([first, sources]), np.concatenate([second, targets.ravel()])),
        ),
        shape=(n, n),
    )
    graph = graph.maximum(graph.T).tocsr()
    return Locality(graph, isolated, pieces(graph))


def pieces(graph: csr_matrix) -> np.ndarray:
    """Return the connected component of each cell, (n,) int, the largest being 0."""
    labels = connected_components(graph, directed=False)[1]
    rank = np.argsort(np.argsort(-np.bincount(labels), kind="stable"), kind="stable")
    return rank[labels]


def _nearest(embedding: np.ndarray, k: int, reporter: Reporter) -> np.ndarray:
    """Return the `k` nearest neighbours of each cell, (n, k) int, checking the stop signal."""
    n = len(embedding)
    step, found = max(1, _DISTANCES // n), []
    for start in range(0, n, step):
        reporter.check()
        rows = np.arange(start, min(start + step, n))
        indices, _ = nearest(embedding, k + 1, embedding[rows])
        own = indices == rows[:, None]
        own[~own.any(axis=1), -1] = True
        found.append(indices[~own].reshape(-1, k))
    return np.concatenate(found)


def _overlaps(
    near: csr_matrix, first: np.ndarray, second: np.ndarray, reporter: Reporter
) -> np.ndarray:
    """Return the Jaccard overlap of the neighbourhoods, rows of `near`, of each pair of cells."""
    shared = np.empty(len(first))
    for start in range(0, len(first), _CHUNK):
        reporter.check()
        part = slice(start, start + _CHUNK)
        both = near[first[part]].multiply(near[second[part]])
        shared[part] = np.asarray(both.sum(axis=1)).ravel()
    sizes = np.diff(near.indptr)
    return shared / (sizes[first] + sizes[second] - shared)
