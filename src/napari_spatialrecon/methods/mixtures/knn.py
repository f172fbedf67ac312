"""kNN label transfer: a spot gets the types of its most similar cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.methods.genes.knn import nearest_cells, similar_features
from napari_spatialrecon.methods.mixtures.base import (
    CellTypes,
    Mixture,
    MixtureMethod,
    MixtureTables,
    normalised_rows,
)
from napari_spatialrecon.methods.mixtures.config import MixtureKnnConfig
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared


class MixtureKnn(MixtureMethod):
    """Shares of types among the cells whose z-scored log expression is most like a spot's."""

    name = "knn"
    config_class = MixtureKnnConfig
    config: MixtureKnnConfig

    def deconvolve(
        self,
        slide: Prepared,
        reference: Prepared,
        types: CellTypes,
        run: Run | None = None,
        *,
        prior: NDArray[np.float64] | None = None,
    ) -> Mixture:
        """Return the mixture of each spot; see `MixtureMethod.deconvolve`."""
        refuse_prior(prior, self.name)
        run = run or Run()
        run.reporter.begin("Comparing spots with cells")
        tables = MixtureTables.read(slide, reference, self.config.top_genes)
        depth = float(np.median(np.asarray(reference.adata.X.sum(axis=1))))
        neighbours = self.config.neighbours
        mapping = most_similar(tables.spots, tables.cells, depth, neighbours, run.reporter)
        shares = normalised_rows(mapping @ types.one_hot(), types.shares)
        return Mixture(shares, mapping, notes=tables.notes)


def most_similar(
    spots: sparse.csr_matrix,
    cells: sparse.csr_matrix,
    depth: float,
    neighbours: int,
    reporter: Reporter | None = None,
) -> sparse.csr_matrix:
    """Return the cells most like each spot by z-scored log expression, (n_spots, n_cells).

    Parameters
    ----------
    spots, cells : (n, n_genes) csr
        Fractions of counts.
    depth
        Counts to which the logarithms are scaled.
    """
    logs = [np.log1p(depth * table.toarray()) for table in (spots, cells)]
    return nearest_cells(*similar_features(logs[0], logs[1], components=0), neighbours, reporter)


def refuse_prior(prior: object | None, name: str) -> None:
    """Raise `InputError` if a prior is given to a method that cannot use one."""
    if prior is not None:
        raise InputError(
            f"Expected a method that takes known shares, found {name}.",
            remedy=f"Try {argument('method', 'come')}.",
        )
