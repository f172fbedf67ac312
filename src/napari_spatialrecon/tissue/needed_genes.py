"""Genes whose counts have to be read from tables on disk."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from anndata import AnnData
from numpy.typing import NDArray

from napari_spatialrecon.errors import ValidationError
from napari_spatialrecon.tissue.backed import is_backed
from napari_spatialrecon.tissue.contract import trusted_genes
from napari_spatialrecon.tissue.gene_names import GeneNames
from napari_spatialrecon.tissue.genes import match_genes


def needed_genes(
    tables: Sequence[AnnData], known: GeneNames | None = None
) -> list[NDArray[np.bool_] | None]:
    """Return the genes that tables on disk share with all others, for `contract.prepare_slide`.

    Parameters
    ----------
    tables
        Slides and cells, as they are given to a task.
    known
        Genes of a fitted model. If there is one, each table is matched with it alone.

    Returns
    -------
    One (n_genes,) bool per table, or None where all counts are read: those of tables in memory, and
    of tables that do not fit together, which is told once they are read.
    """
    needed: list[NDArray[np.bool_] | None] = [None] * len(tables)
    if not any(map(is_backed, tables)):
        return needed
    read = [trusted_genes(table) for table in tables]
    groups = [[*range(len(tables))]] if known is None else [[i] for i in range(len(tables))]
    for group in groups:
        inputs = [*([known] if known is not None else []), *(read[i][0] for i in group)]
        try:
            match = match_genes(inputs, [f"table {i}" for i in range(len(inputs))])
        except ValidationError:
            continue
        for i, indices in zip(group, match.indices[-len(group) :], strict=True):
            if is_backed(tables[i]):
                trusted = read[i][1]
                mask = np.zeros(len(trusted), bool)
                mask[np.flatnonzero(trusted)[indices]] = True
                needed[i] = mask
    return needed
