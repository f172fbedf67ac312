"""What results of the same spots are compared by: mixtures, imputed genes, parts of spots."""

from __future__ import annotations

from dataclasses import dataclass

from anndata import AnnData

from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.slots import OURS, PARENT, PROPORTIONS


@dataclass(frozen=True)
class Kind:
    """What is compared.

    Parameters
    ----------
    task
        Its name in `methods.registry`.
    of, one, many
        What a row is, and what a column is, in words.
    amount, unit
        How rows are compared, and the unit of a column.
    tip
        What the amount means.
    link
        Joins the amount and the other result in a title.
    """

    task: str
    of: str
    one: str
    many: str
    amount: str
    unit: str
    tip: str
    link: str = "to"


KINDS = {
    "deconvolve": Kind(
        "deconvolve",
        "spots",
        "type",
        "types",
        "JSD",
        "share",
        "Jensen-Shannon distance of the two mixtures of a spot: 0 where they are the same, 1 where "
        "they have no type in common",
    ),
    "impute-genes": Kind(
        "impute-genes",
        "spots",
        "gene",
        "genes",
        "difference",
        "log expression",
        "Root of the mean squared difference of log expression in a spot, over the genes",
        "from",
    ),
    "super-resolve": Kind(
        "super-resolve",
        "parts of spots",
        "gene",
        "genes",
        "share elsewhere",
        "counts per part",
        "Share of a part's counts that the two do not agree on: 0 where they are the same, 1 where "
        "one has all and the other none",
        "than in",
    ),
}
"""By the task whose results are compared."""


def kind_of(adata: AnnData) -> Kind | None:
    """Return what can be compared of a result; None of a table that holds nothing of the kind."""
    if PROPORTIONS in adata.obsm:
        return KINDS["deconvolve"]
    if PARENT in adata.obs and "factor" in contract.section(adata.uns, OURS):
        return KINDS["super-resolve"]
    return KINDS["impute-genes"] if "origin" in adata.var else None
