"""Reading count matrices of 10x form, alone: cells without places."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from anndata import AnnData

from napari_spatialrecon.errors import ChoiceError, InputError
from napari_spatialrecon.tissue.formats.cells import with_unique_genes
from napari_spatialrecon.tissue.formats.feature_matrix import read_features
from napari_spatialrecon.tissue.formats.noting import add_notes
from napari_spatialrecon.tissue.formats.options import ReadOptions
from napari_spatialrecon.tissue.formats.tenx_files import Matrix, find_matrices

GENES = "Gene Expression"
"""The type of feature that a gene is."""


def read(path: Path, options: ReadOptions) -> AnnData:
    """Return the cells of a matrix file, of a folder with one, or of a Cell Ranger run.

    Counts are in `X`; `var["gene_ids"]` are Ensembl ids; `var_names` are symbols, of which one that
    stands twice gets a suffix. Of other features than genes only the number is told.

    Raises
    ------
    ChoiceError
        There are several samples or genomes, and none was named.
    ValidationError
        Lists everything that is missing, damaged or does not fit together.
    """
    matrix = choose(find_matrices(path), options, path)
    notes: list[str] = []
    adata = read_features(matrix.path, notes, genome=matrix.genome)
    adata = genes_only(adata, notes, str(matrix.path))
    if matrix.raw:
        adata = _detected(adata, notes, matrix.path.name)
    add_notes(adata, notes)
    return adata


def choose(found: Sequence[Matrix], options: ReadOptions, where: Path) -> Matrix:
    """Return the matrix of the sample and genome that were chosen, or the only one.

    Raises
    ------
    ChoiceError
        There are several, and none of them was named.
    """
    libraries = list(dict.fromkeys(matrix.library for matrix in found))
    if len(libraries) > 1 and options.library not in libraries:
        raise ChoiceError("samples", "library", libraries, asked=options.library, where=str(where))
    if len(libraries) > 1:
        found = [matrix for matrix in found if matrix.library == options.library]
    genomes = {matrix.genome: matrix for matrix in found}
    if len(genomes) == 1:
        return found[0]
    if options.genome not in genomes:
        asked = options.genome
        raise ChoiceError("genomes", "genome", [*genomes], asked=asked, where=str(where))
    return genomes[options.genome]


def _detected(adata: AnnData, notes: list[str], name: str) -> AnnData:
    """Return the barcodes of an unfiltered matrix that have counts."""
    detected = np.diff(adata.X.indptr) > 0
    notes.append(
        f"Read {name}, the unfiltered matrix: most of its {detected.sum():,} barcodes with counts "
        f"are empty droplets ({(~detected).sum():,} without counts were excluded)."
    )
    return adata if detected.all() else adata[detected].copy()


def genes_only(adata: AnnData, notes: list[str], where: str) -> AnnData:
    """Return the features that are genes, each under a name of its own.

    Raises
    ------
    InputError
        None of them is a gene.
    """
    if "feature_types" in adata.var:
        types = adata.var["feature_types"].astype(str)
        genes = (types == GENES).to_numpy()
        others = ", ".join(f"{n:,} {kind}" for kind, n in types[~genes].value_counts().items())
        if not genes.any():
            raise InputError(
                f"Expected features of type {GENES}, found only {others or 'none'}.",
                remedy="Try the matrix of the gene expression library.",
                where=where,
            )
        if others:
            notes.append(f"Features that are not genes were excluded: {others}.")
            adata = adata[:, genes].copy()
    return with_unique_genes(adata, notes)
