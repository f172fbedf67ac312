"""Values that points can be colored by: the columns and genes of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.slots import (
    COMMUNITY,
    COUNTS,
    COUNTS_OK,
    EXPECTED,
    MAIN_TYPE,
    OUTSIDE,
    SUPPORT,
    UNCERTAINTY,
    WEAK,
)
from napari_spatialrecon.viewer.canvas.colors import Kind, guess_kind

if TYPE_CHECKING:
    from typing import Any

    import pandas as pd
    from anndata import AnnData

    from napari_spatialrecon.viewer.canvas.colors import Values

TOTAL = "total counts"
"""Offered like a column: the depth of each cell or spot."""
MOST_CATEGORIES = 300
"""With more, only the most frequent are colored."""
_SAMPLE = 10_000


def names(adata: AnnData) -> tuple[list[str], list[str]]:
    """Return the columns to color by, starting with those written by a run, and the genes.

    Genes go by their symbols, also where the table names them by ids. Columns of text that name
    each row are not offered.
    """
    from napari_spatialrecon.tissue.gene_names import GeneNames

    columns = [str(c) for c in adata.obs if _worth(adata.obs[c])]
    own = [name for name in (UNCERTAINTY, EXPECTED, *COLUMNS) if name in columns]
    columns = [*own, *(name for name in columns if name not in own)]
    if adata.n_vars and TOTAL not in columns:
        columns.append(TOTAL)
    return columns, GeneNames.of(adata.var).labels()


def values(adata: AnnData, name: str, *, log: bool | None = None) -> tuple[Values, Kind, str]:
    """Return values, their kind and a title with the unit.

    Parameters
    ----------
    log
        Counts of a gene are scaled to the median depth, and by default log-transformed: log(1 + x).
        Columns are as they are by default.

    Raises
    ------
    InputError
        There is no such column or gene.
    """
    from napari_spatialrecon.tissue import contract
    from napari_spatialrecon.tissue.gene_lookup import lookup

    if name in (UNCERTAINTY, EXPECTED) and name in adata.obs:
        scale = contract.um_per_unit(adata)
        known = TITLES[name] if EXPECTED in adata.obs else UNCERTAIN
        title = f"{known}, µm" if scale else known
        return adata.obs[name].to_numpy() * (scale or 1.0), "uncertainty", title
    if name in WORDS and name in adata.obs:
        import pandas as pd

        flags = adata.obs[name].to_numpy(bool).astype(int)
        return pd.Categorical.from_codes(flags, list(WORDS[name])), "category", spaced(name)
    if name in adata.obs:
        return column_values(adata.obs[name], spaced(name), log=bool(log))
    at = int(lookup(adata.var, [name])[0])
    if at >= 0:
        return _gene(adata, at, name, log=log is not False)
    if name == TOTAL and adata.n_vars:
        totals = row_totals(adata)
        return (
            (np.log10(totals + 1), "gene", "total counts, log10")
            if log
            else (totals, "gene", TOTAL)
        )
    raise unknown(name)


def unknown(name: str) -> InputError:
    """Return the error that no column or gene has this name."""
    return InputError(
        f"Expected a column or a gene, found {name!r}.",
        remedy="Try typing a part of the name and choosing from the list.",
    )


def column_values(column: pd.Series, title: str, *, log: bool = False) -> tuple[Values, Kind, str]:
    """Return the values of a column, their kind and a title."""
    kind = guess_kind(column)
    if kind == "category" or not log:
        return column, kind, title
    numbers = column.to_numpy(float)
    return np.log10(np.where(numbers > 0, numbers, np.nan)), kind, f"{title}, log10"


def row_totals(adata: AnnData) -> np.ndarray:
    """Return the total of each row (n,), of the counts if the table has them."""
    matrix, _ = read_matrix(adata)
    totals: np.ndarray = np.asarray(matrix.sum(axis=1), float).ravel()
    return totals


def _gene(adata: AnnData, at: int, name: str, *, log: bool) -> tuple[Values, Kind, str]:
    matrix, is_counts = read_matrix(adata, at)
    column = _column(matrix, at)
    if not is_counts:
        return column, "gene", f"{name}, as in the table"
    totals = np.maximum(row_totals(adata), 1.0)
    scaled = column / totals * np.median(totals)
    return (
        (np.log1p(scaled), "gene", f"{name}, log counts")
        if log
        else (scaled, "gene", f"{name}, counts")
    )


def read_matrix(adata: AnnData, at: int | None = None) -> tuple[Any, bool]:
    """Return the matrix that holds a gene, by default any, and whether it holds counts."""
    counted = COUNTS in adata.layers
    if counted and at is not None and COUNTS_OK in adata.var:
        counted = bool(adata.var[COUNTS_OK].iloc[at])
    if counted:
        return adata.layers[COUNTS], True
    return adata.X, _whole(adata.X)


def _whole(matrix: Any) -> bool:
    """Return whether a sample of a matrix holds only whole numbers of at least 0."""
    some = getattr(matrix, "data", None)
    if not isinstance(some, np.ndarray):
        some = np.asarray(matrix[: max(1, _SAMPLE // max(1, matrix.shape[1]))])
    some = np.asarray(some).ravel()[:_SAMPLE]
    return bool(np.isfinite(some).all() and (some >= 0).all() and (some == np.round(some)).all())


def _column(matrix: Any, at: int) -> np.ndarray:
    found = matrix[:, [at]]
    found = found.toarray() if hasattr(found, "toarray") else np.asarray(found)
    column: np.ndarray = found.ravel().astype(np.float32)
    return column


def most_frequent(found: Values) -> tuple[Values, str]:
    """Return categories of which only the most frequent keep their name, and what was done.

    Returns
    -------
    values
        The rest has the name "n others", and comes last.
    note
        Empty if there are few enough.
    """
    import pandas as pd

    categorical = pd.Categorical(found)
    codes = categorical.codes
    counts = np.bincount(codes[codes >= 0], minlength=len(categorical.categories))
    n = int(np.count_nonzero(counts))  # the categories that occur
    if n <= MOST_CATEGORIES:
        return found, ""
    kept = np.sort(np.argsort(-counts, kind="stable")[:MOST_CATEGORIES])
    new = np.full(len(counts) + 1, MOST_CATEGORIES)
    new[kept], new[-1] = np.arange(MOST_CATEGORIES), -1
    labels = [*(str(categorical.categories[i]) for i in kept), f"{n - MOST_CATEGORIES:,} others"]
    shown = pd.Categorical.from_codes(new[codes], labels, ordered=True)
    return shown, (
        f"{n:,} names: the {MOST_CATEGORIES} most frequent are colored, the others are one group."
    )


def spaced(name: str) -> str:
    """Return the name of a column in words."""
    return LABELS.get(name, name.replace("_", " "))


def _worth(column: pd.Series) -> bool:
    import pandas as pd

    if guess_kind(column) != "category":
        return True
    known = column.dtype.categories if isinstance(column.dtype, pd.CategoricalDtype) else column
    return min(len(known), len(column)) < max(2, len(column)) or column.nunique() < len(column)


TITLES = {EXPECTED: "expected error", UNCERTAINTY: "90% radius"}
"""Titles of what is stated of placed cells, before its unit."""
UNCERTAIN = "uncertainty, not calibrated"
"""Title of the uncertainty of cells placed by versions that state no expected error."""
COLUMNS = (COMMUNITY, OUTSIDE, WEAK, SUPPORT)
"""Columns worth a color, after the 90% radius and the expected error."""
LABELS = {
    UNCERTAINTY: "uncertainty",
    EXPECTED: "expected error",
    OUTSIDE: "likeness to the reference",
    WEAK: "little support",
    SUPPORT: "patch support",
    MAIN_TYPE: "main cell type",
}
"""What columns that a run wrote are called in the window."""
WORDS = {
    OUTSIDE: ("like the reference", "unlike the reference"),
    WEAK: ("well supported", "little support"),
}
"""What False and True mean in a column."""
