"""The weighted sum of the linear maps, and how genes are split to judge it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.methods.gene_imputation import Values
from napari_spatialrecon.methods.gene_scale import standardised

#: Pull of the weights to zero, per entry.
_RIDGE = 1e-3

Weights = NDArray[np.float64]


def split_genes(n: int, parts: int, seed: int) -> list[NDArray[np.intp]]:
    """Return `parts` random parts of n genes, sorted; as many as there are genes at most."""
    order = np.random.default_rng([seed, 7]).permutation(n)
    return [np.sort(part) for part in np.array_split(order, min(parts, n))]


def fit_stack(maps: Values, strength: Values, truth: Values) -> Weights:
    """Return the weights whose sum of z-scored maps is nearest the z-scored truth.

    Parameters
    ----------
    maps : (maps, n_spots, n_genes)
    strength : (n_genes,)
        Over that of a typical gene: the weights are a line in it.
    truth : (n_spots, n_genes)

    Returns
    -------
    (2, maps)
        Weights of a typical gene, and how they change with strength.
    """
    size = 2 * len(maps)
    gram, right = np.zeros((size, size)), np.zeros(size)
    for gene, share in enumerate(strength):
        own, turn = maps[:, :, gene].astype(np.float64), np.array([1.0, share - 1.0])
        gram += np.kron(np.outer(turn, turn), own @ own.T)
        right += np.kron(turn, own @ truth[:, gene])
    gram, right = gram / truth.size, right / truth.size
    found = np.linalg.solve(gram + _RIDGE * np.eye(size), right)
    return np.asarray(found, np.float64).reshape(2, -1)


def stacked(maps: Values, strength: Values, weights: Weights) -> Values:
    """Return the weighted sum of maps, (n_spots, n_genes); see `fit_stack`."""
    of_gene = weights[0][:, None] + weights[1][:, None] * (strength - 1)
    return np.einsum("mng,mg->ng", maps, of_gene.astype(np.float32)).astype(np.float32)


def correlations(a: Values, b: Values) -> NDArray[np.float64]:
    """Return Pearson's correlation of each column; 0 where one is constant."""
    return (standardised(a) * standardised(b)).mean(axis=0, dtype=np.float64)
