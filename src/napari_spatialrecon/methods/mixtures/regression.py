"""Spots as sums of the types' mean profiles, by weighted least squares or maximum likelihood."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import nnls

from napari_spatialrecon.methods.mixtures.base import (
    CellTypes,
    Mixture,
    MixtureMethod,
    MixtureTables,
    normalised_rows,
)
from napari_spatialrecon.methods.mixtures.config import RegressionConfig
from napari_spatialrecon.methods.mixtures.knn import refuse_prior
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared

#: Number of spots between checks for a stop request.
_SPOTS = 50
#: Spots fitted together, and steps after which the fractions have converged to within 0.001.
_BLOCK, _STEPS = 1024, 200
_TINY = 1e-12


def regress(
    spots: sparse.csr_matrix,
    cells: sparse.csr_matrix,
    types: CellTypes,
    reporter: Reporter | None = None,
) -> NDArray[np.float64]:
    """Return fractions of counts estimated by weighted non-negative least squares.

    The variance of counts scales with their mean, so genes are weighted by 1/√mean over the spots.

    Parameters
    ----------
    spots, cells : (n, n_genes) csr
        Shares of counts.

    Returns
    -------
    (n_spots, n_types) float, rows sum to 1
    """
    profiles = _profiles(cells, types)
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


def likeliest_shares(
    spots: sparse.csr_matrix,
    cells: sparse.csr_matrix,
    types: CellTypes,
    reporter: Reporter | None = None,
) -> NDArray[np.float64]:
    """Return the maximum-likelihood fractions of counts under a Poisson model.

    Expectation-maximisation starts from the fractions in the reference. Compared with least
    squares, genes with few counts have less influence, and no fraction becomes negative.

    Parameters
    ----------
    spots, cells : (n, n_genes) csr
        Shares of counts.

    Returns
    -------
    (n_spots, n_types) float, rows sum to 1
    """
    profiles = _profiles(cells, types).T
    sums = np.maximum(profiles.sum(axis=1), _TINY)
    found = []
    for start in range(0, spots.shape[0], _BLOCK):
        seen = spots[start : start + _BLOCK].toarray().astype(float)
        shares = np.tile(types.shares, (len(seen), 1))
        for _ in range(_STEPS):
            if reporter is not None:
                reporter.check()
            expected = np.maximum(shares @ profiles, _TINY)
            shares = shares * ((seen / expected) @ profiles.T) / sums
        found.append(shares)
    result: NDArray[np.float64] = normalised_rows(np.concatenate(found), types.shares)
    return result


def _profiles(cells: sparse.csr_matrix, types: CellTypes) -> NDArray[np.float64]:
    """Return the types' mean fractions of counts, (n_genes, n_types)."""
    one_hot = types.one_hot()
    sums = np.asarray((cells.T @ one_hot), float)
    return np.asarray(sums / np.maximum(one_hot.sum(axis=0, dtype=float), 1.0))


class Regression(MixtureMethod):
    """Weighted non-negative least squares, or the likelihood of counts."""

    name = "nnls"
    config_class = RegressionConfig
    config: RegressionConfig

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
        run.reporter.begin("Regressing spots on cell types")
        tables = MixtureTables.read(slide, reference, self.config.top_genes)
        fit = regress if self.config.loss == "squares" else likeliest_shares
        shares = fit(tables.spots, tables.cells, types, run.reporter)
        if self.config.sizes:
            shares = normalised_rows(shares / tables.sizes(types), types.shares)
        return Mixture(shares, notes=tables.notes)
