"""Base class of methods that estimate the mixture of cell types in each spot."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.methods.method import Estimate, Method
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.genes import match_genes
from napari_spatialrecon.training.history import History

_TINY = 1e-12
#: Seconds of every run, per spot, type and gene of a regression, and per spot-cell comparison; and
#: bytes of every run, and per spot (or cell) and gene.
_FIXED_S = 0.3
_PER_FIT, _PER_PAIR, _FIXED_BYTES, _PER_VALUE = 3e-8, 2e-8, 6e8, 24.0


@dataclass(frozen=True)
class CellTypes:
    """Cell types of a reference.

    Parameters
    ----------
    names
        Sorted, without unknown types.
    codes : (n_cells,) int
        Index of each cell's type in `names`; -1 if it is unknown.
    notes
        Messages for the user.
    """

    names: tuple[str, ...]
    codes: NDArray[np.int64]
    notes: tuple[str, ...] = ()

    @property
    def shares(self) -> NDArray[np.float64]:
        """Share of each type among the cells whose type is known, (n_types,)."""
        known = np.bincount(self.codes[self.codes >= 0], minlength=len(self.names))
        return np.asarray(known / known.sum())

    def one_hot(self) -> NDArray[np.float32]:
        """Return indicators of the type, (n_cells, n_types); zeros for cells of unknown type."""
        table = np.zeros((len(self.codes), len(self.names)), np.float32)
        known = self.codes >= 0
        table[known, self.codes[known]] = 1.0
        return table


@dataclass(frozen=True, eq=False)
class CheckedShares:
    """What a method found in pseudo-spots whose mixture is known.

    Parameters
    ----------
    truth, found : (n, n_types) float, rows sum to 1
    """

    truth: NDArray[np.float64]
    found: NDArray[np.float64]


@dataclass(frozen=True)
class Mixture:
    """Proportions of cell types in the spots.

    Parameters
    ----------
    proportions : (n_spots, n_types) float, rows sum to 1
    mapping : (n_spots, n_cells) csr, optional
        The likeliest cells of each spot; rows sum to 1.
    diagnostics
        Measures of the reliability of the result.
    notes
        Messages for the user.
    history
        History of each training run, in order.
    checked
        What the method found in pseudo-spots, where it was tried on them.
    """

    proportions: NDArray[np.float64]
    mapping: sparse.csr_matrix | None = None
    diagnostics: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    history: tuple[History, ...] = ()
    checked: CheckedShares | None = None


@dataclass(frozen=True)
class MixtureSizes:
    """Size of a deconvolution; `genes` counts those that spots and cells share."""

    spots: int
    cells: int
    genes: int
    types: int

    @classmethod
    def of(cls, slide: Prepared, reference: Prepared, types: CellTypes) -> Self:
        """Return the size of a task.

        Raises
        ------
        ValidationError
            Slide and reference share no gene.
        """
        tables = (slide, reference)
        match = match_genes([t.adata.var for t in tables], [t.name for t in tables])
        spots, cells = slide.adata.n_obs, reference.adata.n_obs
        return cls(spots, cells, len(match.genes), len(types.names))


class MixtureMethod(Method):
    """A method of deconvolution."""

    def estimate(self, sizes: MixtureSizes) -> Estimate:
        """Return the time and memory that deconvolution will take.

        Raises
        ------
        InputError
            It does not fit in the available memory.
        """
        genes = self.genes_used(sizes.genes)
        fits = _PER_FIT * sizes.spots * sizes.types * genes
        return Estimate(
            _FIXED_S + fits + _PER_PAIR * (sizes.spots * sizes.cells),
            _FIXED_BYTES + _PER_VALUE * (sizes.spots + sizes.cells) * genes,
        )

    def genes_used(self, shared: int) -> int:
        """Return how many of the shared genes are used."""
        return min(shared, int(self.config.flat().get("top_genes", shared)))

    @abstractmethod
    def deconvolve(
        self,
        slide: Prepared,
        reference: Prepared,
        types: CellTypes,
        run: Run | None = None,
        *,
        prior: NDArray[np.float64] | None = None,
    ) -> Mixture:
        """Return the mixture of each spot.

        Parameters
        ----------
        slide, reference
            Counts of spots and of cells; genes are matched by name.
        prior : (n_spots, n_types), optional
            Proportions known beforehand, rows sum to 1; rejected by methods that do not use them.

        Raises
        ------
        ValidationError
            They share no gene.
        Stopped
            The user stopped the run.
        """


def read_types(
    adata: AnnData, column: str, name: str, named: str = argument("labels")
) -> CellTypes:
    """Return the cell types in a column of ``obs``.

    Cells whose label is missing (NaN, None, empty) have no type.

    Parameters
    ----------
    name
        Of the table, for messages.
    named
        What names the column, for messages.

    Raises
    ------
    InputError
        There is no such column, or it names no type.
    """
    if column not in adata.obs:
        columns = list(map(str, adata.obs.columns))
        raise InputError(
            f"Expected a column {column!r} of cell types, found "
            f"{'columns ' + ', '.join(columns[:12]) if columns else 'no column'}.",
            remedy=f"Try {named} with one of them."
            if columns
            else "Try a reference whose obs names the type of each cell.",
            where=f"{name}: obs",
        )
    values = [_word(v) for v in adata.obs[column]]
    names = tuple(sorted({v for v in values if v}))
    if not names:
        raise InputError(
            f"Expected at least one cell type in column {column!r}, found only missing values.",
            remedy="Try another column.",
            where=f"{name}: obs[{column!r}]",
        )
    number = {v: i for i, v in enumerate(names)}
    codes = np.array([number.get(v, -1) for v in values], np.int64)
    return CellTypes(names, codes, tuple(_notes(names, codes, column)))


def _word(value: Any) -> str:
    text = "" if value is None or value != value else str(value).strip()
    return "" if text.lower() in ("nan", "<na>", "none") else text


def _notes(names: Sequence[str], codes: NDArray[np.int64], column: str) -> list[str]:
    notes, counts = [], np.bincount(codes[codes >= 0], minlength=len(names))
    if unknown := int((codes < 0).sum()):
        notes.append(f"{unknown:,} of {len(codes):,} cells have no label in {column!r}.")
    if len(names) == 1:
        notes.append(f"All labeled cells are {names[0]!r}: there is nothing to distinguish.")
    if single := [n for n, c in zip(names, counts, strict=True) if c == 1]:
        shown = ", ".join(single[:3]) + (" and more" if len(single) > 3 else "")
        notes.append(
            f"{len(single)} types have only one cell ({shown}): their proportions are unreliable."
        )
    return notes


@dataclass(frozen=True)
class MixtureTables:
    """Spots and cells as fractions of their total counts over the shared genes.

    Parameters
    ----------
    genes
        As the slide names them.
    spots, cells : (n, n_genes) csr float32
        Rows scaled to a total of 1 (zeros if none of the genes was detected).
    totals : (n_cells,) float
        Total counts of each cell over all shared genes.
    notes
        Messages for the user.
    """

    genes: tuple[str, ...]
    spots: sparse.csr_matrix
    cells: sparse.csr_matrix
    totals: NDArray[np.float64]
    notes: tuple[str, ...] = ()

    @classmethod
    def read(cls, slide: Prepared, reference: Prepared, most_genes: int) -> MixtureTables:
        """Match genes; if there are more than `most_genes`, keep the most variable among cells.

        Raises
        ------
        ValidationError
            They share no gene.
        """
        match = match_genes([slide.adata.var, reference.adata.var], [slide.name, reference.name])
        counts = [
            sparse.csr_matrix(t.adata.X)[:, index]
            for t, index in zip((slide, reference), match.indices, strict=True)
        ]
        totals = np.asarray(counts[1].sum(axis=1, dtype=np.float64)).ravel()
        spots, cells = (fractions(values) for values in counts)
        genes, notes = [str(g) for g in match.genes], list(match.notes)
        if len(genes) > most_genes:
            chosen = _overdispersed(cells, most_genes)
            notes.append(f"The {most_genes:,} most variable of {len(genes):,} genes are used.")
            spots, cells = spots[:, chosen], cells[:, chosen]
            genes = [genes[i] for i in chosen]
        return cls(tuple(genes), spots, cells, totals, tuple(notes))

    def sizes(self, types: CellTypes) -> NDArray[np.float64]:
        """Return the RNA content of each type relative to the mean of the types, (n_types,).

        Dividing fractions of a spot's counts by these gives fractions of its cells.
        """
        one_hot = types.one_hot().astype(np.float64)
        means = (self.totals @ one_hot) / np.maximum(one_hot.sum(axis=0), 1.0)
        means = np.maximum(means, 1.0)
        return np.asarray(means / means.mean())


def fractions(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return counts as shares of the totals of their rows; rows of zeros stay."""
    totals = np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel()
    factor = np.divide(1.0, totals, out=np.zeros_like(totals), where=totals > 0)
    return sparse.csr_matrix(sparse.diags(factor) @ counts, dtype=np.float32)


def _overdispersed(cells: sparse.csr_matrix, most: int) -> NDArray[np.intp]:
    """Return the genes with the largest variance relative to the mean, in column order."""
    mean = np.asarray(cells.mean(axis=0, dtype=np.float64)).ravel()
    square = np.asarray(cells.multiply(cells).mean(axis=0, dtype=np.float64)).ravel()
    ratio = (square - mean**2) / np.maximum(mean, _TINY)
    return np.sort(np.argsort(-ratio, kind="stable")[:most])


def normalised_rows(weights: NDArray[np.float64], fallback: NDArray[np.float64]) -> Any:
    """Return rows scaled to sum to 1; rows of zeros become `fallback`, (n_types,)."""
    weights = np.maximum(np.asarray(weights, float), 0.0)
    totals = weights.sum(axis=1, keepdims=True)
    return np.where(totals > _TINY, weights / np.maximum(totals, _TINY), fallback)
