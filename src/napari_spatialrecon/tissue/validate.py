"""Validation of a table of cells, reporting all problems: matrices, coordinates and names."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy import sparse

from napari_spatialrecon.errors import Problem
from napari_spatialrecon.faces import argument

#: Number of rows used to distinguish logarithms from other non-integers.
_SAMPLE_ROWS = 200


class CountsCheck:
    """Checks counts a block of rows at a time for what prevents their use.

    Parameters
    ----------
    where
        File and slot, for messages.
    cells, genes
        Names of all rows and of the columns, for messages.
    counts_needed
        Whether non-integer values are a problem.
    """

    def __init__(
        self, where: str, *, cells: pd.Index, genes: pd.Index, counts_needed: bool = True
    ) -> None:
        self._where, self._cells, self._genes = where, cells, genes
        self._counts_needed = counts_needed
        self._checked = 0
        self._not_finite, self._negative, self._fractional = _Bad(), _Bad(), _Bad()
        self._step = max(1, len(cells) // _SAMPLE_ROWS)
        self._sample: list[sparse.csr_matrix] = []

    @property
    def failed(self) -> bool:
        """Whether a problem was found so far."""
        return any((self._not_finite, self._negative, self._fractional)) or not len(self._genes)

    def add(self, rows: sparse.csr_matrix) -> None:
        """Check the next rows, (n, n_genes); only their stored values."""
        values = rows.data
        self._not_finite.add(~np.isfinite(values), rows, self._checked)
        self._negative.add(values < 0, rows, self._checked)
        if self._counts_needed and values.dtype.kind == "f":
            self._fractional.add(values != np.rint(values), rows, self._checked)
            self._sample.append(rows[-self._checked % self._step :: self._step])
        self._checked += rows.shape[0]

    def problems(self, others: Callable[[], Sequence[str]] = tuple) -> list[Problem]:
        """Return the problems of all rows.

        Parameters
        ----------
        others
            Returns the names of other matrices of the same table that may hold the counts.
        """
        if not len(self._genes):
            return [Problem(self._where, "Expected at least one gene, found none.")]
        problems = []
        for bad, what, remedy in (
            (
                self._not_finite,
                "that are NaN or infinite",
                "Try removing those cells or genes.",
            ),
            (
                self._negative,
                "below zero",
                "Try the raw counts instead of scaled or corrected values.",
            ),
        ):
            if bad:
                found = (
                    f"Expected counts of 0 or more, found {bad} {what}, first in "
                    f"{self._first(bad)}."
                )
                problems.append(Problem(self._where, found, remedy))
        if not problems and self._fractional:
            found = (
                f"Expected raw counts (whole numbers), found {self._fractional} that are not "
                f"whole, first in {self._first(self._fractional)}; "
                f"{looks_like(sparse.csr_matrix(sparse.vstack(self._sample)))}."
            )
            problems.append(Problem(self._where, found, _where_counts_may_be(others())))
        return problems

    def _first(self, bad: _Bad) -> str:
        row, column = bad.first
        return f"cell {self._cells[row]!r}, gene {self._genes[column]!r}"


class _Bad:
    """Number of bad values and the row and column of the first."""

    def __init__(self) -> None:
        self._count, self.first = 0, (0, 0)

    def add(self, bad: np.ndarray, rows: sparse.csr_matrix, above: int) -> None:
        """Add those of `rows`, which are preceded by `above` rows."""
        if bad.any():
            if not self._count:
                position = int(np.argmax(bad))
                row = int(np.searchsorted(rows.indptr, position, side="right")) - 1
                self.first = (above + row, int(rows.indices[position]))
            self._count += int(bad.sum())

    def __bool__(self) -> bool:
        return self._count > 0

    def __str__(self) -> str:
        return "1 value" if self._count == 1 else f"{self._count:,} values"


def _where_counts_may_be(others: Sequence[str]) -> str:
    if others:
        return (
            f"Try {argument('layer', others[0])} in reading it, or that matrix as "
            'layers["counts"]: its values are whole numbers.'
        )
    return (
        'Try the file from before normalization, with counts in X or layers["counts"]; '
        "no other slot of this file holds integers."
    )


def looks_like(matrix: sparse.csr_matrix) -> str:
    """Return a description of what values that are not counts seem to be.

    Normalised counts of a cell are multiples of its smallest value; so are their logarithms after
    exponentiation.

    Examples
    --------
    >>> counts = np.array([[1.0, 2.0, 7.0], [1.0, 3.0, 0.0]])
    >>> looks_like(sparse.csr_matrix(np.log1p(counts / counts.sum(1, keepdims=True) * 50)))
    'they look like log1p of normalised counts'
    """
    step = max(1, matrix.shape[0] // _SAMPLE_ROWS)
    rows = [matrix.data[a:b] for a, b in _bounds(matrix, step) if b - a > 1]
    if rows and max(float(row.max()) for row in rows) < 50:
        if _share_of_multiples([np.expm1(row.astype(float)) for row in rows]) > 0.8:
            return "they look like log1p of normalized counts"
        if _share_of_multiples([np.exp2(row.astype(float)) - 1 for row in rows]) > 0.8:
            return "they look like log2(1 + x) of normalized counts"
    if rows and _share_of_multiples([row.astype(float) for row in rows]) > 0.8:
        return "they look like normalized counts without logarithm"
    return "they look like neither counts nor normalized counts"


def _bounds(matrix: sparse.csr_matrix, step: int) -> list[tuple[int, int]]:
    starts = range(0, matrix.shape[0], step)
    return [(int(matrix.indptr[i]), int(matrix.indptr[i + 1])) for i in starts]


def _share_of_multiples(rows: list[np.ndarray]) -> float:
    ratios = [row[row > 0] / row[row > 0].min() for row in rows if (row > 0).any()]
    ratio = np.concatenate([r[(r > 1.001) & (r < 30)] for r in ratios] or [np.empty(0)])
    return float(np.mean(np.abs(ratio - np.rint(ratio)) < 0.02)) if len(ratio) else 0.0


def name_problems(names: pd.Index, where: str, kind: str) -> list[Problem]:
    """Return a problem if `names` of a `kind` ("cell", "gene") are not unique."""
    if names.is_unique:
        return []
    repeated = names[names.duplicated()].unique()
    shown = ", ".join(repr(str(name)) for name in repeated[:3])
    more = f" and {len(repeated) - 3:,} more" if len(repeated) > 3 else ""
    slot = "obs" if kind == "cell" else "var"
    found = f"Expected each {kind} name once, found {shown}{more} more than once."
    return [Problem(where, found, f"Try adata.{slot}_names_make_unique().")]


def coordinate_problems(
    points: object, where: str, *, cells: pd.Index, least: int
) -> list[Problem]:
    """Return the problems that prevent `points` from being used as (n, 2) coordinates (x, y).

    Parameters
    ----------
    points
        Content of the slot: an array or a DataFrame.
    where
        File and slot, for messages.
    cells
        Names of the rows.
    least
        Minimum number of rows of a slide.
    """
    array = points.to_numpy() if isinstance(points, pd.DataFrame) else np.asarray(points)
    if array.dtype.kind not in "iuf":
        found = f"Expected numbers (x, y), found values of type {_kind(array)}."
        return [Problem(where, found, f"Try {_SLOT} = {_SLOT}.astype(float).")]
    if array.ndim != 2 or array.shape[1] != 2:
        return [_shape_problem(array, where)]
    problems = []
    bad = ~np.isfinite(array).all(axis=1)
    if bad.any():
        found = (
            f"Expected finite coordinates, found NaN or infinity in {int(bad.sum()):,} of "
            f"{len(array):,} rows, first in cell {cells[int(np.argmax(bad))]!r}."
        )
        remedy = f"Try leaving those out: adata[np.isfinite({_SLOT}).all(axis=1)]."
        problems.append(Problem(where, found, remedy))
    elif len(array) >= least and not np.ptp(array, axis=0).any():
        x, y = array[0]
        found = f"Expected different places, found all {len(array):,} rows at ({x:g}, {y:g})."
        problems.append(Problem(where, found, "Try the file from which the coordinates came."))
    return problems


_SLOT = 'adata.obsm["spatial"]'


def _kind(array: np.ndarray) -> str:
    is_text = array.dtype.kind in "SUT" or (
        array.dtype.kind == "O" and any(isinstance(value, str) for value in array.ravel()[:10])
    )
    return "text" if is_text else str(array.dtype)


def _shape_problem(array: np.ndarray, where: str) -> Problem:
    found = f"Expected 2 columns (x, y), found an array of shape {array.shape}."
    if array.ndim != 2 or array.shape[1] != 3:
        return Problem(where, found, f"Try writing x and y of each row to {_SLOT}.")
    distinct = [len(np.unique(column)) for column in array.T]
    depth = 2 - int(np.argmin(distinct[::-1]))
    keep = [column for column in range(3) if column != depth]
    remedy = (
        f"Try {_SLOT} = {_SLOT}[:, {keep}]: column {depth} has the fewest distinct values "
        f"({distinct[depth]:,}) and is probably the depth."
    )
    return Problem(where, found, remedy)
