"""Reading the counts of a table once, in blocks of rows, checked and no more than are needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from napari_spatialrecon.provenance import RowsDigest
from napari_spatialrecon.tissue.row_blocks import RowsInMemory, row_blocks
from napari_spatialrecon.tissue.validate import CountsCheck


@dataclass(frozen=True, eq=False)
class CountsRead:
    """Counts of a table.

    Parameters
    ----------
    matrix : (n_kept, n_trusted) csr float32
        Its arrays are those of the input, and read-only, where nothing had to be changed. Empty
        where the check failed.
    totals : (n,) float
        Total counts of each row of the input.
    kept : (n,) bool
        Rows of the input with enough counts.
    digest
        Digest of the kept rows of all trusted genes, if some of these were not wanted.
    """

    matrix: sparse.csr_matrix
    totals: NDArray[np.float64]
    kept: NDArray[np.bool_]
    digest: RowsDigest | None = None


def read_counts(
    matrix: Any,
    check: CountsCheck,
    *,
    min_counts: int,
    trusted: NDArray[np.bool_],
    wanted: NDArray[np.bool_] | None = None,
) -> CountsRead:
    """Read counts from memory or from disk, and check them.

    Parameters
    ----------
    matrix : (n, n_genes)
        See `row_blocks`.
    check
        Is shown the rows of all trusted genes.
    min_counts
        Minimum total of a row to be kept, if above 1; rows without counts never are.
    trusted : (n_genes,) bool
        Genes to read.
    wanted : (n_genes,) bool, optional
        Genes whose counts are needed: those of others are checked and totalled, and then excluded
        as if they were zero. All if None.
    """
    if sparse.issparse(matrix) and wanted is None:
        return _from_memory(matrix.tocsr(), check, min_counts, trusted)
    kept_genes = None if wanted is None or wanted[trusted].all() else wanted[trusted]
    stored, digest = RowsInMemory(int(trusted.sum())), RowsDigest()
    totals = [np.empty(0)]
    for rows in row_blocks(matrix):
        rows = _checked(rows, check, trusted)
        totals.append(_totals(rows))
        if check.failed:
            continue
        rows = rows[_enough(totals[-1], min_counts)]
        if kept_genes is not None:
            digest.add(rows)
            rows = _only(rows, kept_genes)
        stored.append(rows)
    found = np.concatenate(totals)
    return CountsRead(
        stored.matrix(),
        found,
        _enough(found, min_counts),
        None if kept_genes is None else digest,
    )


def _from_memory(
    matrix: sparse.csr_matrix, check: CountsCheck, min_counts: int, trusted: NDArray[np.bool_]
) -> CountsRead:
    """Read a matrix that is in memory already, and share what can be shared."""
    if not matrix.has_canonical_format:
        matrix = matrix.copy()
        matrix.sum_duplicates()
    blocks = row_blocks(matrix)
    totals = np.concatenate(
        [np.empty(0), *(_totals(_checked(rows, check, trusted)) for rows in blocks)]
    )
    arrays = [matrix.data.astype(np.float32, copy=False), matrix.indices, matrix.indptr]
    views = [array.view() for array in arrays]
    for view in views:
        view.flags.writeable = False
    found = sparse.csr_matrix(tuple(views), shape=matrix.shape)
    if not trusted.all():
        found = found[:, trusted]
    kept = _enough(totals, min_counts)
    return CountsRead(found if kept.all() else found[kept], totals, kept)


def _checked(
    rows: sparse.csr_matrix, check: CountsCheck, trusted: NDArray[np.bool_]
) -> sparse.csr_matrix:
    """Show rows to the check and return them as float32."""
    if not trusted.all():
        rows = rows[:, trusted]
    check.add(rows)
    return rows.astype(np.float32)


def _totals(rows: sparse.csr_matrix) -> NDArray[np.float64]:
    return np.asarray(rows.sum(axis=1, dtype=np.float64)).ravel()


def _enough(totals: NDArray[np.float64], min_counts: int) -> NDArray[np.bool_]:
    return (totals > 0) & ((totals >= min_counts) | (min_counts <= 1))


def _only(rows: sparse.csr_matrix, columns: NDArray[np.bool_]) -> sparse.csr_matrix:
    """Return rows without the entries of other columns; the shape stays."""
    inside = columns[rows.indices]
    starts = np.concatenate([np.zeros(1, int), np.cumsum(inside)])[rows.indptr]
    return sparse.csr_matrix((rows.data[inside], rows.indices[inside], starts), shape=rows.shape)
