"""Spatial autocorrelation of many genes at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.sparse import csc_matrix, csr_matrix, issparse

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.neighbours import neighbour_graph

#: Dense values held at a time (64 MB), whatever the number of genes.
_BLOCK_VALUES = 8_000_000


def morans_i(values: np.ndarray | csr_matrix, points: np.ndarray, k: int = 6) -> np.ndarray:
    """Return Moran's I of each gene: about 0 without a spatial pattern, 1 for a smooth one.

    Each of a cell's `k` nearest neighbours has weight 1/k (row-normalised, as in squidpy).
    Moran (1950), https://doi.org/10.2307/2332142.

    Parameters
    ----------
    values : (n_cells, n_genes) float, sparse or dense
        Expression of each cell.
    points : (n_cells, 2) float
        Coordinates, (x, y), in any unit.
    k
        Number of neighbours per cell.

    Returns
    -------
    (n_genes,) float
        0 for a constant gene.

    Raises
    ------
    InputError
        The number of rows differs from the number of points, there are fewer than 2 points, or a
        value is not finite.
    """
    graph = _graph(values, points, k)
    result = []
    for centred, square, constant in _blocks(values):
        cross = np.einsum("ng,ng->g", centred, graph @ centred)
        result.append(np.where(constant, 0.0, cross / square))
    return np.concatenate(result)


def gearys_c(values: np.ndarray | csr_matrix, points: np.ndarray, k: int = 6) -> np.ndarray:
    """Return Geary's C of each gene: about 1 without a spatial pattern, near 0 for a smooth one.

    Geary (1954), https://doi.org/10.2307/2986645. Parameters and errors as in `morans_i`.

    Returns
    -------
    (n_genes,) float
        1 for a constant gene.
    """
    graph = _graph(values, points, k)
    n = len(points)
    incoming = np.asarray(graph.sum(axis=0)).ravel()
    result = []
    for centred, square, constant in _blocks(values):
        cross = np.einsum("ng,ng->g", centred, graph @ centred)
        differences = square + incoming @ centred**2 - 2 * cross
        result.append(np.where(constant, 1.0, (n - 1) * differences / (2 * n * square)))
    return np.concatenate(result)


def _graph(values: np.ndarray | csr_matrix, points: np.ndarray, k: int) -> csr_matrix:
    if values.ndim != 2 or values.shape[0] != len(points) or len(points) < 2:
        raise InputError(
            "Expected values of shape (cells, genes) for at least 2 points, "
            f"found {values.shape} for {len(points)} points."
        )
    return neighbour_graph(points, k)


def _blocks(
    values: np.ndarray | csr_matrix,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield centred values, their sums of squares (1 if constant) and which genes are constant."""
    n, genes = values.shape
    width = max(1, _BLOCK_VALUES // n)
    columns: Any = csc_matrix(values) if issparse(values) else np.asarray(values)
    for start in range(0, max(genes, 1), width):
        block = columns[:, start : start + width]
        dense = np.array(block.toarray() if issparse(block) else block, dtype=float)
        if not np.isfinite(dense).all():
            raise InputError("Expected finite values, found some that are not.")
        constant = dense.max(axis=0) == dense.min(axis=0)
        dense -= dense.mean(axis=0)
        square = np.einsum("ng,ng->g", dense, dense)
        yield dense, np.where(constant, 1.0, square), constant
