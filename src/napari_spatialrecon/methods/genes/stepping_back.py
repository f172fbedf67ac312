"""Linear maps of cells to spots, which a method steps back to where it maps hidden genes worse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from napari_spatialrecon.methods.genes.base import Values
from napari_spatialrecon.methods.genes.config import GeneKnnConfig, MappingConfig
from napari_spatialrecon.methods.genes.knn import nearest_cells, similar_features
from napari_spatialrecon.methods.genes.mapping import Cosines, fit_map
from napari_spatialrecon.methods.genes.scale import standardised
from napari_spatialrecon.methods.run import Run

#: Standard errors, over hidden genes, by which a linear map has to be better to be used instead.
_CLEAR = 1.0


@dataclass(frozen=True, eq=False)
class LinearMap:
    """Spots as weighted means of cells.

    Parameters
    ----------
    weights : (n_spots, n_mapped)
        Rows sum to 1.
    rows : (n_mapped,) int, or None
        Cells that the columns of `weights` refer to; all if None.
    """

    weights: sparse.csr_matrix | Values
    rows: NDArray[np.intp] | None = None

    def of(self, cells: Values) -> Values:
        """Return genes over the spots, (n_spots, n_genes), from those of the cells."""
        used = cells if self.rows is None else cells[self.rows]
        return np.asarray(self.weights @ used, np.float32)


def _similar(slide: Values, cells: Values, run: Run) -> LinearMap:
    spots, others = similar_features(slide, cells, 0)
    return LinearMap(nearest_cells(spots, others, GeneKnnConfig().neighbours, run.reporter))


def _mapped(slide: Values, cells: Values, run: Run) -> LinearMap:
    config = MappingConfig()
    found = fit_map(slide, cells, config, Cosines(config), run)
    return LinearMap(found.weights, found.rows)


LINEAR: dict[str, Callable[[Values, Values, Run], LinearMap]] = {
    "knn": _similar,
    "mapping": _mapped,
}
"""The linear maps by the names of the methods that they are; each is fitted to shared genes."""


def gene_correlations(truth: Values, mapped: Values) -> NDArray[np.float64]:
    """Return the correlation of each gene over the spots, (n_genes,); 0 if constant."""
    return (standardised(truth) * standardised(mapped)).mean(axis=0, dtype=np.float64)


def linear_correlations(
    slide: Values, cells: Values, folds: Sequence[NDArray[np.bool_]], run: Run
) -> dict[str, NDArray[np.float64]]:
    """Return how well each linear map finds hidden genes, fold after fold.

    Parameters
    ----------
    slide, cells : (n_spots, n_genes), (n_cells, n_genes) float32
        Log-normalised.
    folds : each (n_genes,) bool
        The hidden genes of a fold.
    """
    return {
        name: np.concatenate(
            [
                gene_correlations(slide[:, h], fit(slide[:, ~h], cells[:, ~h], run).of(cells[:, h]))
                for h in folds
            ]
        )
        for name, fit in LINEAR.items()
    }


def better_than(own: NDArray[np.float64], linear: NDArray[np.float64]) -> bool:
    """Return whether a linear map finds hidden genes better, beyond chance.

    Parameters
    ----------
    own, linear : (n_hidden,)
        Correlations of the same hidden genes.
    """
    gain = linear - own
    noise = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.inf
    return bool(gain.mean() > _CLEAR * noise)
