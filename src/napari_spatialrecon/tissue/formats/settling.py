"""The last step of reading a table: its matrix of counts and its genome, as chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from anndata import AnnData

from napari_spatialrecon.errors import ChoiceError
from napari_spatialrecon.tissue.counts import settled
from napari_spatialrecon.tissue.formats.noting import add_notes
from napari_spatialrecon.tissue.formats.options import ReadOptions
from napari_spatialrecon.tissue.gene_names import without_genome
from napari_spatialrecon.tissue.row_blocks import row_blocks
from napari_spatialrecon.tissue.slots import COUNTS, SPATIAL
from napari_spatialrecon.tissue.species import genomes, mixed_genomes

#: Flag among the libraries of a table of CELLxGENE, and its column of spots under tissue.
_CELLXGENE, _IN_TISSUE = "is_single", "in_tissue"


def settle(adata: AnnData, options: ReadOptions, where: str) -> tuple[AnnData, set[str]]:
    """Return a table with its counts in place and genes of one genome, and the options heeded.

    What was chosen automatically is added to its notes.

    Raises
    ------
    ChoiceError
        The table lacks the matrix or the genome that was named, or is of several genomes.
    """
    try:
        table, said = settled(adata, options.layer)
    except ChoiceError as error:
        error.problem = replace(error.problem, where=where)
        raise
    notes = [*said]
    table = _under_tissue(table, notes)
    found = mixed_genomes(table.var)
    if found:
        table = _of_genome(table, options.genome, found, notes, where)
    add_notes(table, notes)
    return table, {"layer", "genome"} if found else {"layer"}


def _of_genome(
    adata: AnnData, genome: str | None, found: dict[str, int], notes: list[str], where: str
) -> AnnData:
    if genome not in found:
        raise ChoiceError("genomes", "genome", [*found], asked=genome, where=where)
    genes = genomes(adata.var) == genome
    kept = adata[:, genes].copy()
    mostly_others = _totals(kept) < 0.5 * _totals(adata)
    names = [without_genome(str(name)) for name in kept.var_names]
    kept.var_names = names if len(set(names)) == len(names) else kept.var_names
    others = ", ".join(f"{n:,} of {name}" for name, n in found.items() if name != genome)
    notes.append(
        f"Kept the {int(genes.sum()):,} genes of {genome} and excluded {others}, which have most "
        f"counts in {int(mostly_others.sum()):,} of {kept.n_obs:,} rows."
    )
    return kept


def _under_tissue(adata: AnnData, notes: list[str]) -> AnnData:
    """Return the spots under tissue of a slide of CELLxGENE, which holds those beside it too."""
    libraries = adata.uns.get(SPATIAL)
    stated = isinstance(libraries, Mapping) and _CELLXGENE in libraries
    if not stated or _IN_TISSUE not in adata.obs:
        return adata
    under = (adata.obs[_IN_TISSUE].astype(float) == 1).to_numpy()
    if under.all() or not under.any():
        return adata
    notes.append(f"{int((~under).sum()):,} spots that are not under tissue were excluded.")
    return adata[under].copy()


def _totals(adata: AnnData) -> np.ndarray:
    counts = adata.layers.get(COUNTS, adata.X)
    totals = [rows.sum(axis=1, dtype=np.float64) for rows in row_blocks(counts)]
    return np.concatenate([np.asarray(total).ravel() for total in totals])
