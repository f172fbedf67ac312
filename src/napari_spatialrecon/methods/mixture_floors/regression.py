"""Non-negative least squares on the types' mean profiles, genes weighted by 1/√mean."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import nnls

from napari_spatialrecon.methods.mixture_floors.config import RegressionConfig
from napari_spatialrecon.methods.mixture_floors.knn import refuse_prior
from napari_spatialrecon.methods.mixtures import (
    CellTypes,
    Mixture,
    MixtureMethod,
    MixtureTables,
    normalised_rows,
)
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared

#: Spots between two looks whether the user wants to stop.
_SPOTS = 50
_TINY = 1e-12


def regress(
    spots: sparse.csr_matrix,
    cells: sparse.csr_matrix,
    types: CellTypes,
    reporter: Reporter | None = None,
) -> NDArray[np.float64]:
    """Return the proportions that a weighted non-negative least squares finds.

    Counts vary as their mean does, so that genes are weighted by 1/√mean over the spots.

    Parameters
    ----------
    spots, cells : (n, n_genes) csr
        Shares of counts.

    Returns
    -------
    (n_spots, n_types) float, rows sum to 1
    """
    one_hot = types.one_hot()
    sums = np.asarray((cells.T @ one_hot), float)
    profiles = sums / np.maximum(one_hot.sum(axis=0, dtype=float), 1.0)
    mean = np.asarray(spots.mean(axis=0, dtype=np.float64)).ravel()
    weights = np.where(mean > 0, 1 / np.sqrt(np.maximum(mean, _TINY)), 0.0)
    design = profiles * weights[:, None]
    found = np.empty((spots.shape[0], len(types.names)))
    for i in range(len(found)):
        if reporter is not None and i % _SPOTS == 0:
            reporter.check()
        found[i] = nnls(design, spots[i].toarray().ravel() * weights)[0]
    shares: NDArray[np.float64] = normalised_rows(found, types.shares)
    return shares


class Regression(MixtureMethod):
    """Weighted non-negative least squares."""

    name = "nnls"
    config_class = RegressionConfig
    config: RegressionConfig

    def deconvolve(
        self,
        slide: Prepared,
        reference: Prepared,
        types: CellTypes,
        *,
        prior: NDArray[np.float64] | None = None,
        seed: int = 0,
        device: str = "cpu",
        reporter: Reporter | None = None,
    ) -> Mixture:
        """Return the mixture of each spot; see `MixtureMethod.deconvolve`."""
        refuse_prior(prior, self.name)
        reporter = reporter or Reporter()
        reporter.begin("Regressing spots on cell types")
        tables = MixtureTables.read(slide, reference, self.config.top_genes)
        return Mixture(regress(tables.spots, tables.cells, types, reporter), notes=tables.notes)
