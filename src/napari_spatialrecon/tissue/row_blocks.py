"""Matrices read a block of rows at a time, from memory or from disk."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from anndata.abc import CSCDataset, CSRDataset
from numpy.typing import NDArray
from scipy import sparse

#: Maximum number of rows of a block, and of its values if they were dense.
ROWS, VALUES = 2048, 2**24
#: Number of stored values of a matrix by columns on disk that are read at a time, and the minimum
#: of a band of its rows.
ENTRIES, BAND = 2**22, 2**25
#: Maximum number of bands: how often such a matrix is read.
MOST_BANDS = 8


def on_disk(matrix: Any) -> bool:
    """Return whether a matrix is not in memory: of h5py, zarr, dask or a backed AnnData."""
    return matrix is not None and not (sparse.issparse(matrix) or isinstance(matrix, np.ndarray))


def row_blocks(matrix: Any) -> Iterator[sparse.csr_matrix]:
    """Yield the rows of a matrix in order, as csr matrices without duplicates, indices sorted.

    Parameters
    ----------
    matrix : (n, n_columns)
        A numpy array, a scipy matrix, an `h5py.Dataset`, a `zarr.Array`, a dask array, or the
        sparse matrix of a backed AnnData. One stored by columns on disk is read up to eight times,
        so that an eighth of it is held at most.

    Examples
    --------
    >>> [block.shape for block in row_blocks(np.ones((3000, 2)))]
    [(2048, 2), (952, 2)]
    """
    if isinstance(matrix, CSCDataset):
        for band in _bands(matrix):
            yield from row_blocks(band)
        return
    if sparse.issparse(matrix) and matrix.format != "csr":
        matrix = matrix.tocsr()
    step = max(1, min(ROWS, VALUES // max(matrix.shape[1], 1)))
    chunk = getattr(matrix, "chunks", None) if on_disk(matrix) else None
    if chunk and isinstance(chunk[0], int) and chunk[0] < step:
        step -= step % chunk[0]
    for start in range(0, matrix.shape[0], step):
        block = matrix[start : start + step]
        if hasattr(block, "compute"):
            block = block.compute()
        yield _canonical(sparse.csr_matrix(block))


def value_blocks(matrix: Any) -> Iterator[np.ndarray]:
    """Yield the values of a matrix of any kind in no order; if it is sparse, those stored."""
    if sparse.issparse(matrix) or isinstance(matrix, CSRDataset | CSCDataset):
        data = matrix.data if sparse.issparse(matrix) else matrix.group["data"]
        yield from (data[i : i + ENTRIES] for i in range(0, data.shape[0], ENTRIES))
        return
    for rows in row_blocks(matrix):
        yield rows.data


def _canonical(block: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return rows with sorted indices, each once; a copy where that changes them."""
    if not block.has_canonical_format:
        block = block.copy()
        block.sum_duplicates()
    return block


def _bands(matrix: CSCDataset) -> Iterator[sparse.csr_matrix]:
    """Yield bands of rows of a matrix stored by columns, each gathered from all columns."""
    stored, starts = matrix.group, np.asarray(matrix.group["indptr"][:], np.int64)
    pieces = [slice(a, min(a + ENTRIES, int(starts[-1]))) for a in range(0, starts[-1], ENTRIES)]
    filled = np.zeros(matrix.shape[0], np.int64)
    for piece in pieces:
        filled += np.bincount(stored["indices"][piece], minlength=len(filled))
    edges = _edges(filled)
    for first, last in pairwise(edges):
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(filled[first:last])])
        values = np.empty(offsets[-1], matrix.dtype)
        columns = np.empty(offsets[-1], np.int32)
        free = offsets[:-1].copy()
        for piece in pieces:
            rows = np.asarray(stored["indices"][piece])
            inside = np.flatnonzero((rows >= first) & (rows < last))
            inside = inside[np.argsort(rows[inside], kind="stable")]
            own, counts = np.unique(rows[inside] - first, return_counts=True)
            before = np.repeat(np.cumsum(counts) - counts, counts)
            places = np.repeat(free[own], counts) + np.arange(len(inside)) - before
            columns[places] = np.searchsorted(starts, piece.start + inside, side="right") - 1
            values[places] = np.asarray(stored["data"][piece])[inside]
            free[own] += counts
        yield sparse.csr_matrix((values, columns, offsets), shape=(last - first, matrix.shape[1]))


def _edges(filled: NDArray[np.int64]) -> list[int]:
    """Return where bands of rows begin and end, given the number of stored values of each row."""
    total = np.cumsum(filled)
    most = max(BAND, int(total[-1]) // MOST_BANDS + 1) if len(total) else BAND
    band = (total - filled) // most
    return [0, *(np.flatnonzero(np.diff(band)) + 1).tolist(), len(filled)]


class RowsInMemory:
    """A csr matrix that grows by blocks of rows; nothing is held twice.

    Parameters
    ----------
    n_columns
        Number of its columns.
    """

    def __init__(self, n_columns: int) -> None:
        self._n_columns = n_columns
        self._values = np.empty(0, np.float32)
        self._indices = np.empty(0, np.int32)
        self._filled: list[NDArray[np.int64]] = []

    def append(self, block: sparse.csr_matrix) -> None:
        """Append rows, as float32."""
        start, stop = len(self._values), len(self._values) + block.nnz
        for array in (self._values, self._indices):
            array.resize(stop, refcheck=False)
        self._values[start:] = block.data
        self._indices[start:] = block.indices
        self._filled.append(np.diff(block.indptr))

    def matrix(self) -> sparse.csr_matrix:
        """Return the matrix, (n_rows, n_columns) float32."""
        filled = np.concatenate([np.zeros(1, np.int64), *self._filled])
        starts = np.cumsum(filled)
        if starts[-1] <= np.iinfo(np.int32).max:
            starts = starts.astype(np.int32)
        shape = (len(starts) - 1, self._n_columns)
        return sparse.csr_matrix((self._values, self._indices, starts), shape=shape)


def to_csr(matrix: Any) -> sparse.csr_matrix:
    """Return a matrix of any kind as csr; what is csr in memory is shared, not copied."""
    if sparse.issparse(matrix):
        return sparse.csr_matrix(matrix)
    return sparse.csr_matrix(sparse.vstack(list(row_blocks(matrix))))
