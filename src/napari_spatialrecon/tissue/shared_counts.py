"""Counts of some genes of a table and their logarithms, a block of rows at a time.

A table of 50,000 cells and 20,000 genes holds half a gigabyte; whole copies of it, one per step,
would take several times the memory of the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

#: Number of rows of a block.
ROWS = 2048


@dataclass(frozen=True, eq=False)
class SharedCounts:
    """Counts of the genes that tables share, read from one of them without a copy.

    Parameters
    ----------
    matrix : (n_rows, n_own) csr
        Counts of all genes of the table.
    columns : (n_genes,) int
        Column of each shared gene.
    """

    matrix: sparse.csr_matrix
    columns: NDArray[np.intp]

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    def blocks(
        self, columns: NDArray[np.intp] | None = None
    ) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        """Yield blocks of rows with the given columns of the table, those of all genes if None."""
        wanted = self.columns if columns is None else columns
        whole = np.array_equal(wanted, np.arange(self.matrix.shape[1]))
        for start in range(0, len(self), ROWS):
            rows = slice(start, min(start + ROWS, len(self)))
            block = self.matrix[rows]
            yield rows, block if whole else block[:, wanted]

    def totals(self) -> NDArray[np.floating[Any]]:
        """Return the total counts of each row over the shared genes, (n_rows,)."""
        totals = np.empty(len(self), self.matrix.dtype)
        for rows, block in self.blocks():
            totals[rows] = np.asarray(block.sum(axis=1)).ravel()
        return totals

    def logs(
        self,
        factors: NDArray[np.floating[Any]],
        genes: NDArray[np.intp] | None = None,
    ) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        """Yield blocks of rows of ``log1p(counts · factor)``.

        Parameters
        ----------
        factors : (n_rows,) float
            Factor of each row.
        genes : (n_chosen,) int, optional
            Indices of the genes to return; all shared genes if None.
        """
        for rows, block in self.blocks(None if genes is None else self.columns[genes]):
            yield rows, logarithms(block, factors[rows])

    def dense_logs(
        self,
        factors: NDArray[np.floating[Any]],
        genes: NDArray[np.intp],
        out: NDArray[np.floating[Any]],
    ) -> None:
        """Write ``log1p(counts · factor)`` of `genes` into `out`, (n_rows, n_chosen)."""
        for rows, block in self.logs(factors, genes):
            out[rows] = block.toarray()


def logarithms(counts: sparse.csr_matrix, factors: NDArray[np.floating[Any]]) -> sparse.csr_matrix:
    """Return ``log1p(counts · factor)`` with a factor per row."""
    values = np.repeat(factors, np.diff(counts.indptr)) * counts.data
    np.log1p(values, out=values)
    return sparse.csr_matrix((values, counts.indices, counts.indptr), shape=counts.shape)


def factors_to(depth: float, totals: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Return the factor that scales each total to `depth`; totals of 0 are taken as 1."""
    return depth / np.where(totals == 0, np.ones_like(totals), totals)


def most_variable(
    tables: Sequence[SharedCounts], factors: Sequence[NDArray[np.floating[Any]]], most: int
) -> NDArray[np.intp]:
    """Return the `most` genes whose logarithms vary most over all rows, in their order.

    Parameters
    ----------
    factors : one (n_rows,) float per table
        See `SharedCounts.logs`.
    """
    n_genes = len(tables[0].columns)
    if n_genes <= most:
        return np.arange(n_genes)
    n = sum(map(len, tables))
    sums = [_sums(table, factor) for table, factor in zip(tables, factors, strict=True)]
    mean, square = (sum(values) / n for values in zip(*sums, strict=True))
    return np.sort(np.argsort(-(square - mean**2), kind="stable")[:most])


def _sums(
    table: SharedCounts, factors: NDArray[np.floating[Any]]
) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]:
    """Return the sums of each gene's logarithms and of their squares."""
    sums, squares = (np.zeros(len(table.columns), table.matrix.dtype) for _ in range(2))
    for _, block in table.logs(factors):
        np.add.at(sums, block.indices, block.data)
        np.add.at(squares, block.indices, block.data**2)
    return sums, squares
