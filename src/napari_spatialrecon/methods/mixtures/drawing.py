"""Spots drawn from the cells of a reference."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.decomposition import PCA

from napari_spatialrecon.methods.mixtures.base import fractions
from napari_spatialrecon.methods.mixtures.slide_traits import SlideTraits

#: Components in which cells are alike, and the share (or number) of a type's cells from which those
#: of one spot are drawn: neighbours in tissue are more alike than any two cells of a type.
_COMPONENTS, _ALIKE, _LEAST_ALIKE = 10, 0.1, 3
_DEPTH = 1e4


def draw_spots(
    traits: SlideTraits,
    shares: NDArray[np.float64],
    cells: sparse.csr_matrix,
    codes: NDArray[np.int64],
    inside: NDArray[np.intp],
    latent: NDArray[np.float64],
    seed: int,
) -> tuple[sparse.csr_matrix, NDArray[np.int64]]:
    """Return counts of spots, (n_spots, n_genes), and their cells by type, (n_spots, n_types).

    Parameters
    ----------
    shares : (n_spots, n_types) float, rows sum to 1
        Expected shares of cells.
    cells : (n_cells, n_genes) csr
        Counts of the reference.
    codes : (n_cells,) int
        Their types.
    inside : (n,) int
        Cells that are drawn.
    latent : (n, d) float
        Their places in `latent_of`.
    """
    rng = np.random.default_rng(seed)
    members = np.stack([rng.multinomial(traits.cells, row) for row in shares])
    gather = sparse.lil_matrix((len(members), len(inside)))
    for code in np.unique(codes[inside]):
        own = np.flatnonzero(codes[inside] == code)
        most = max(_LEAST_ALIKE, int(_ALIKE * len(own)))
        for spot in np.flatnonzero(members[:, code]):
            away = np.linalg.norm(latent[own] - latent[rng.choice(own)], axis=1)
            drawn = rng.choice(own[np.argsort(away, kind="stable")[:most]], members[spot, code])
            for cell in drawn:
                gather[spot, cell] += 1
    sums = np.asarray((gather.tocsr() @ cells[inside]).toarray(), float) * traits.capture
    totals = np.maximum(sums.sum(axis=1, keepdims=True), 1e-12)
    rate = sums / totals * rng.choice(traits.depth, len(members))[:, None]
    return sparse.csr_matrix(rng.poisson(rate).astype(np.float32)), members


def latent_of(cells: sparse.csr_matrix) -> NDArray[np.float64]:
    """Return the principal components of cells, (n, d), in which neighbours are alike."""
    logs = np.log1p(_DEPTH * fractions(cells).toarray())
    found = PCA(min(_COMPONENTS, *logs.shape), svd_solver="covariance_eigh").fit_transform(logs)
    return np.asarray(found, float)
