"""Values that points can be colored by: the columns and genes of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.slots import COMMUNITY, OUTSIDE, SUPPORT, UNCERTAINTY, WEAK
from napari_spatialrecon.viewer.canvas.colors import Kind, guess_kind

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from napari_spatialrecon.viewer.canvas.colors import Values

#: Columns with more categories than this identify cells rather than group them.
_MOST_NAMES = 200


def names(adata: AnnData) -> tuple[list[str], list[str]]:
    """Return the columns to color by, starting with those written by a run, and the genes.

    Genes go by their symbols, also where the table names them by ids.
    """
    from napari_spatialrecon.tissue.gene_names import GeneNames

    columns = [str(c) for c in adata.obs if _worth(adata.obs[c])]
    own = [name for name in (UNCERTAINTY, *COLUMNS) if name in columns]
    columns = [*own, *(name for name in columns if name not in own)]
    return columns, GeneNames.of(adata.var).labels()


def values(adata: AnnData, name: str) -> tuple[Values, Kind, str]:
    """Return values, their kind and a title with the unit.

    Counts of a gene are scaled to the median depth and log-transformed.

    Raises
    ------
    InputError
        There is no such column or gene.
    """
    from napari_spatialrecon.tissue import contract
    from napari_spatialrecon.tissue.gene_lookup import lookup

    if name == UNCERTAINTY and name in adata.obs:
        scale = contract.um_per_unit(adata)
        title = "expected error, µm" if scale else "expected error"
        return adata.obs[name].to_numpy() * (scale or 1.0), "uncertainty", title
    if name in WORDS and name in adata.obs:
        import pandas as pd

        flags = adata.obs[name].to_numpy(bool).astype(int)
        return pd.Categorical.from_codes(flags, list(WORDS[name])), "category", _spaced(name)
    if name in adata.obs:
        return adata.obs[name], guess_kind(adata.obs[name]), _spaced(name)
    at = int(lookup(adata.var, [name])[0])
    if at >= 0:
        counts = contract.counts(adata)
        totals = np.maximum(np.asarray(counts.sum(axis=1)).ravel(), 1.0)
        column = counts[:, [at]].toarray().ravel()
        return np.log1p(column / totals * np.median(totals)), "gene", f"{name}, log counts"
    raise InputError(
        f"Expected a column or a gene, found {name!r}.",
        remedy="Try typing a part of the name and choosing from the list.",
    )


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _worth(column: pd.Series) -> bool:
    return guess_kind(column) != "category" or column.nunique() <= _MOST_NAMES


COLUMNS = (COMMUNITY, OUTSIDE, WEAK, SUPPORT)
"""Columns worth a color, after the expected error."""
WORDS = {
    OUTSIDE: ("like the reference", "unlike the reference"),
    WEAK: ("well supported", "little support"),
}
"""What False and True mean in a column."""
