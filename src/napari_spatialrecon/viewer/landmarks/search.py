"""Finding a cell for a landmark by name, by a column such as its type, or by gene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from anndata import AnnData

#: Most cells that are listed.
LISTED = 200


@dataclass(frozen=True, eq=False)
class Found:
    """Cells that match a search, the most certain (for a gene: the highest counts) first.

    Parameters
    ----------
    cells : (k,) int
        Rows, at most `LISTED`.
    notes : (k,) str
        Why each was found: its type, or its counts.
    total
        Number of all matches.
    """

    cells: np.ndarray
    notes: list[str]
    total: int


def search(adata: AnnData, text: str, uncertainty: np.ndarray) -> Found:
    """Return the cells that match a text.

    The name of a gene gives the cells with the highest counts; any other text the cells whose name
    or category in any column contains it, ignoring case.

    Parameters
    ----------
    text
        If empty, the most certain cells are listed.
    uncertainty : (n,) float
        Matches are sorted by it.
    """
    from napari_spatialrecon.tissue.gene_lookup import lookup

    text = text.strip()
    gene = int(lookup(adata.var, [text])[0]) if text else -1
    if gene >= 0:
        own = str(adata.var_names[gene])
        title = own if own.lower() == text.lower() else text
        return _expressing(adata, gene, title, uncertainty)
    lower = text.lower()
    fits = np.array([lower in str(name).lower() for name in adata.obs_names], bool)
    notes = np.full(adata.n_obs, "", object)
    for column in adata.obs:
        values = adata.obs[column]
        if values.dtype.kind in "iufb":
            continue
        words = values.astype(str)
        known = words.unique()
        if len(known) > adata.n_obs // 2 + 1:
            continue
        hits = words.isin([w for w in known if lower in w.lower()]).to_numpy()
        fits |= hits
        if hits.any():
            notes = np.where((notes == "") & hits, words.to_numpy(), notes)
    rows = np.flatnonzero(fits)
    rows = rows[np.argsort(uncertainty[rows], kind="stable")]
    shown = rows[:LISTED]
    return Found(shown, [str(n) for n in notes[shown]], len(rows))


def _expressing(adata: AnnData, column: int, gene: str, uncertainty: np.ndarray) -> Found:
    from scipy import sparse

    from napari_spatialrecon.tissue import contract

    values = sparse.csc_matrix(contract.counts(adata))[:, [column]].toarray().ravel()
    rows = np.flatnonzero(values > 0)
    rows = rows[np.lexsort((uncertainty[rows], -values[rows]))]
    shown = rows[:LISTED]
    return Found(shown, [f"{gene} {values[row]:g}" for row in shown], len(rows))
