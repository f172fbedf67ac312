"""What is known of a cell that is to be given a position: type, genes, neighbours, where it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.viewer.canvas.layer_values import types_among

if TYPE_CHECKING:
    from anndata import AnnData

_GENES, _NEIGHBOURS = 4, 12
_MIDDLE = 1 / 3
"""Width of the middle, as a share of the tissue's."""
_LEAST_EXCESS = 2.0
"""Standard deviations above the mean of all cells from which a gene is named."""

_SAMPLED = 2_000
"""Cells from which the mean is estimated."""


@dataclass(frozen=True)
class Portrait:
    """What is said of one cell.

    Parameters
    ----------
    name, kind
        Its name, and its type; empty without a column of types.
    genes
        Genes that it has more of than cells have on average, the strongest first.
    neighbours
        The type that is most frequent around it, with the count among the nearest; empty without.
    region
        Where in the tissue it is now, for instance "upper left".
    """

    name: str
    kind: str
    genes: tuple[str, ...]
    neighbours: str
    region: str

    @property
    def words(self) -> str:
        """The portrait in one or two sentences."""
        what = " · ".join(part for part in (self.kind, " ".join(self.genes)) if part)
        where = f"Now in the {self.region} of the tissue"
        among = f", among {self.neighbours}" if self.neighbours else ""
        return f"{what}. {where}{among}." if what else f"{where}{among}."


class Portraits:
    """Describes the cells of one table."""

    def __init__(self, adata: AnnData) -> None:
        self._adata = adata

    def of(self, cell: int, places: np.ndarray) -> Portrait:
        """Return what is known of a cell.

        Parameters
        ----------
        cell
            Its row.
        places : (n, 2) float, (x, y), y down
            Current positions of all cells.
        """
        adata, kinds = self._adata, self._kinds
        return Portrait(
            str(adata.obs_names[cell]),
            "" if kinds is None else kinds[cell],
            self.genes(cell),
            "" if kinds is None else _around(kinds, cell, places),
            region(places, places[cell]),
        )

    def genes(self, cell: int) -> tuple[str, ...]:
        """Return genes by how far their counts exceed those expected of a cell of this depth."""
        from napari_spatialrecon.tissue.gene_names import GeneNames

        adata = self._adata
        if not adata.n_vars:
            return ()
        row = adata.X[cell]
        own = np.asarray(row.toarray() if hasattr(row, "toarray") else row, float).ravel()
        expected = own.sum() * self._shares
        excess = np.where(own > 0, (own - expected) / np.sqrt(expected + 0.1), 0.0)
        best = np.argsort(-excess, kind="stable")[:_GENES]
        names = GeneNames.of(adata.var).labels()
        return tuple(names[i] for i in best if excess[i] > _LEAST_EXCESS)

    @cached_property
    def _kinds(self) -> np.ndarray | None:
        column = types_among(self._adata.obs)
        return None if column is None else self._adata.obs[column].astype(str).to_numpy()

    @cached_property
    def _shares(self) -> np.ndarray:
        """Share of each gene in the counts of all cells, (n_genes,)."""
        rows = np.unique(np.linspace(0, self._adata.n_obs - 1, _SAMPLED).astype(int))
        totals = np.asarray(self._adata.X[rows].sum(axis=0), float).ravel()
        return np.asarray(totals / (totals.sum() or 1.0))


def _around(kinds: np.ndarray, cell: int, places: np.ndarray) -> str:
    away = np.linalg.norm(places - places[cell], axis=1)
    near = np.argsort(away, kind="stable")[1 : _NEIGHBOURS + 1]
    names, counts = np.unique(kinds[near], return_counts=True)
    if not len(names):
        return ""
    top = int(counts.argmax())
    return f"{names[top]} ({counts[top]} of its {len(near)} neighbors)"


def region(places: np.ndarray, place: np.ndarray) -> str:
    """Return where a place lies among others: one of nine regions.

    Parameters
    ----------
    places : (n, 2) float, (x, y), y down
    place : (2,) float

    Examples
    --------
    >>> corners = np.array([[0.0, 0.0], [9.0, 9.0]])
    >>> region(corners, np.array([1.0, 1.0])), region(corners, np.array([4.0, 8.0]))
    ('upper left', 'lower part')
    """
    low, high = places.min(axis=0), places.max(axis=0)
    share = (place - low) / np.maximum(high - low, 1e-12) - 0.5
    side = np.where(np.abs(share) < _MIDDLE / 2, 0, np.sign(share)).astype(int)
    across = {-1: "left", 0: "", 1: "right"}[int(side[0])]
    down = {-1: "upper", 0: "", 1: "lower"}[int(side[1])]
    if across and down:
        return f"{down} {across}"
    return f"{down or across} part" if across or down else "middle"
