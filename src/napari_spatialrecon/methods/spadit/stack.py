"""The weighted sum of the linear maps, and the folds of genes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.methods.genes.base import Values
from napari_spatialrecon.methods.genes.scale import standardised

#: Ridge penalty of the weights, per entry.
_RIDGE = 3e-3
_TINY = 1e-6

Weights = NDArray[np.float64]


def split_genes(n: int, parts: int, seed: int) -> list[NDArray[np.intp]]:
    """Return `parts` random folds of n genes, sorted; at most one fold per gene."""
    order = np.random.default_rng([seed, 7]).permutation(n)
    return [np.sort(part) for part in np.array_split(order, min(parts, n))]


def agreement(maps: Values) -> NDArray[np.float64]:
    """Return the agreement of the linear maps of each gene, from 0 to 1: (n_genes,).

    Parameters
    ----------
    maps : (maps, n_spots, n_genes)
        Z-scores; the second half, means over neighbours, is not used.
    """
    plain = maps[: len(maps) // 2]
    return np.asarray(plain.mean(axis=0).std(axis=0), np.float64)


@dataclass(frozen=True)
class Traits:
    """Statistics of the shared genes, on which the weights of a gene's maps depend.

    Parameters
    ----------
    strength
        Strength of a typical gene; see `Bases.maps`.
    agreement
        Mean and standard deviation of the agreement.
    """

    strength: float
    agreement: tuple[float, float]

    @classmethod
    def fit(cls, maps: Values, strength: Values) -> Self:
        """Compute the statistics of the shared genes."""
        found = agreement(maps)
        return cls(
            max(float(strength.mean()), _TINY),
            (float(found.mean()), max(float(found.std()), _TINY)),
        )

    def of(self, maps: Values, strength: Values) -> NDArray[np.float64]:
        """Return 1, the relative strength minus 1, and the z-score of the agreement.

        Parameters
        ----------
        maps : (maps, n_spots, n_genes)
        strength : (n_genes,)

        Returns
        -------
        (n_genes, 3)
        """
        mean, spread = self.agreement
        return np.column_stack(
            [
                np.ones(len(strength)),
                strength / self.strength - 1,
                (agreement(maps) - mean) / spread,
            ]
        )


def fit_stack(maps: Values, traits: NDArray[np.float64], truth: Values) -> Weights:
    """Return the weights whose sum of z-scored maps best fits the z-scored truth.

    Parameters
    ----------
    maps : (maps, n_spots, n_genes)
    traits : (n_genes, traits)
        The weights of a gene's maps are linear in them.
    truth : (n_spots, n_genes)

    Returns
    -------
    (traits, maps)
    """
    size = traits.shape[1] * len(maps)
    gram, right = np.zeros((size, size)), np.zeros(size)
    for gene, own in enumerate(traits):
        seen = maps[:, :, gene].astype(np.float64)
        gram += np.kron(np.outer(own, own), seen @ seen.T)
        right += np.kron(own, seen @ truth[:, gene])
    gram, right = gram / truth.size, right / truth.size
    found = np.linalg.solve(gram + _RIDGE * np.eye(size), right)
    return np.asarray(found, np.float64).reshape(traits.shape[1], -1)


def stacked(maps: Values, traits: NDArray[np.float64], weights: Weights) -> Values:
    """Return the weighted sum of maps, (n_spots, n_genes); see `fit_stack`."""
    of_gene = (traits @ weights).astype(np.float32)
    return np.einsum("mng,gm->ng", maps, of_gene).astype(np.float32)


def correlations(a: Values, b: Values) -> NDArray[np.float64]:
    """Return Pearson's correlation of each column; 0 if one is constant."""
    return (standardised(a) * standardised(b)).mean(axis=0, dtype=np.float64)
