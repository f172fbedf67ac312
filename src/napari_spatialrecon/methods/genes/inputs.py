"""Inputs of gene imputation: slide and reference on one scale, and the genes they share.

Counts become ``log1p(x / total · t)`` with t the median total; values that are not counts are used
as is if they look like logarithms or are intensities of a slide. Genes are matched by name, never
by column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.genes import FEW_GENES, match_genes
from napari_spatialrecon.tissue.slots import SPATIAL
from napari_spatialrecon.tissue.validate import looks_like

Values = NDArray[np.float32]
_TINY = 1e-8
#: Minimum number of variable shared genes; with fewer, none can be held out.
LEAST_GENES = 3


@dataclass(frozen=True, eq=False)
class GeneInputs:
    """Inputs that a method is trained on.

    Parameters
    ----------
    genes
        Shared genes that vary in both, as the reference names them.
    slide : (n_spots, n_shared) float32
        Log-normalised expression (or intensities) of the shared genes.
    reference : (n_cells, n_reference_genes) csr float32
        Log-normalised.
    columns : (n_shared,) int
        Column of each shared gene in the reference.
    places : (n_spots, 2) float
        (x, y), in the slide's unit.
    names
        Every gene of the reference.
    notes
        Messages for the user.
    """

    genes: tuple[str, ...]
    slide: Values
    reference: sparse.csc_matrix
    columns: NDArray[np.intp]
    places: NDArray[np.float64]
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def cells(self, columns: NDArray[np.intp]) -> Values:
        """Return these genes of the reference as dense float32, (n_cells, n_genes)."""
        return np.asarray(self.reference[:, columns].toarray(), np.float32)

    def find(self, genes: Sequence[str]) -> NDArray[np.intp]:
        """Return the columns of genes in the reference.

        Raises
        ------
        InputError
            The reference lacks some of them.
        """
        position = {name: i for i, name in enumerate(self.names)}
        missing = [gene for gene in genes if gene not in position]
        if missing:
            raise InputError(
                f"Expected genes measured in the reference, found {listed(missing)}, which it "
                "lacks.",
                remedy="Try leaving them out, or a reference that measured them.",
                where="genes",
            )
        return np.array([position[gene] for gene in genes], dtype=np.intp)


def read_inputs(slide: Prepared, reference: Prepared) -> GeneInputs:
    """Return slide and reference on one scale, with their shared genes.

    Raises
    ------
    ValidationError
        They share no gene.
    InputError
        Fewer than 3 shared genes vary in both, or the reference holds values of an unknown kind.
    """
    match = match_genes([reference.adata.var, slide.adata.var], [reference.name, slide.name])
    notes = [note for note in match.notes if not note.startswith("Only ")]
    spots, of_slide = log_normalised(slide, intensities=True)
    cells, of_reference = log_normalised(reference)
    columns, own = match.indices
    values = np.asarray(spots[:, own].toarray(), np.float32)
    varies = (values.std(axis=0) > _TINY) & (_spread(cells)[columns] > _TINY)
    if not varies.all():
        constant = [str(gene) for gene in match.genes[~varies]]
        notes.append(
            f"Excluded {listed(constant)} of {len(varies)} shared genes that are constant on the "
            "slide or in the reference and carry no information."
        )
    if varies.sum() < LEAST_GENES:
        raise InputError(
            f"Expected at least {LEAST_GENES} shared genes that vary, found {int(varies.sum())}.",
            remedy="Try a reference that measured more of the slide's genes.",
        )
    if varies.sum() < FEW_GENES:
        notes.append(
            f"Only {int(varies.sum())} shared genes link slide and reference "
            f"(at least {FEW_GENES} are advised): expect maps with only a few broad patterns "
            "and an unreliable estimate of their accuracy."
        )
    return GeneInputs(
        tuple(str(gene) for gene in match.genes[varies]),
        values[:, varies],
        cells.tocsc(),
        columns[varies],
        np.asarray(slide.adata.obsm[SPATIAL], float),
        tuple(map(str, reference.adata.var_names)),
        (*of_slide, *of_reference, *notes),
    )


def log_normalised(
    prepared: Prepared, *, intensities: bool = False
) -> tuple[sparse.csr_matrix, tuple[str, ...]]:
    """Return ``log1p(x / total · median total)``, (n, n_genes) csr float32, and notes.

    Parameters
    ----------
    intensities
        Whether values that are neither counts nor logarithms, such as those of an in situ atlas,
        are used as is instead of being rejected.

    Raises
    ------
    InputError
        The values are of an unknown kind.
    """
    matrix: sparse.csr_matrix = prepared.adata.X.copy()
    if np.all(matrix.data == np.rint(matrix.data)):
        return _logarithms(matrix), ()
    kind = looks_like(matrix)
    if kind == "they look like log1p of normalized counts":
        return matrix, (f"{prepared.name}: used as logarithms of normalized counts.",)
    if kind == "they look like log2(1 + x) of normalized counts":
        matrix.data *= np.float32(np.log(2))
        return matrix, (f"{prepared.name}: used as log2(1 + x) of normalized counts.",)
    if kind == "they look like normalized counts without logarithm":
        return _logarithms(matrix), (f"{prepared.name}: used as normalized counts.",)
    if intensities:
        return matrix, (f"{prepared.name}: values are not counts; used as is.",)
    raise InputError(
        f"Expected counts or their logarithms, found neither: {kind}.",
        remedy='Try the raw counts in X or layers["counts"].',
        where=prepared.name,
    )


def _logarithms(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    totals = np.asarray(matrix.sum(axis=1, dtype=np.float64)).ravel()
    factor = np.median(totals) / np.maximum(totals, _TINY)
    matrix.data = np.log1p(matrix.data * np.repeat(factor, np.diff(matrix.indptr)))
    return matrix.astype(np.float32)


def _spread(matrix: sparse.csr_matrix) -> NDArray[np.float64]:
    """Return the standard deviation of each gene; in two passes, so that constant genes have 0."""
    from sklearn.utils.sparsefuncs import mean_variance_axis

    return np.sqrt(mean_variance_axis(matrix, axis=0)[1])


def listed(names: Sequence[str], most: int = 5) -> str:
    """Return names for a message, the first few in full."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most:,} more" if len(names) > most else shown
