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


def fit_stack(maps: Values, truth: Values) -> Weights:
    """Return the weights (maps,) whose sum of z-scored maps is nearest the z-scored truth.

    Parameters
    ----------
    maps : (maps, n_spots, n_genes)
    truth : (n_spots, n_genes)
    """
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    gram = flat @ flat.T / flat.shape[1]
    right = flat @ truth.ravel().astype(np.float64) / flat.shape[1]
    return np.asarray(np.linalg.solve(gram + _RIDGE * np.eye(len(gram)), right), np.float64)


def stacked(maps: Values, weights: Weights) -> Values:
    """Return the weighted sum of maps, (n_spots, n_genes)."""
    return np.einsum("mng,m->ng", maps, weights).astype(np.float32)


def correlations(a: Values, b: Values) -> NDArray[np.float64]:
    """Return Pearson's correlation of each column; 0 where one is constant."""
    return (standardised(a) * standardised(b)).mean(axis=0, dtype=np.float64)
