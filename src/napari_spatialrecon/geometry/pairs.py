"""Pairs of cells with target distances: their stress, its gradient and the majorising metric.

The stress is ``Σ w_ij (δ_ij − ‖y_i − y_j‖)²``, eq. 6 of the dp-VAE paper with the places in latent
units. Its gradient is ``2 (V − B(y)) y`` with the Laplacian V of the weights, and the Guttman
transform ``V⁻¹ B(y) y`` of SMACOF (de Leeuw 1977) never raises it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.sparse import csr_matrix, diags_array, issparse, triu
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import LinearOperator, cg

from napari_spatialrecon.errors import InputError

#: Maps a residual (n, 2) to x (n, 2), zero in fixed rows, with ``(V + diag(pull)) x = residual``.
Preconditioner = Callable[[np.ndarray], np.ndarray]

#: A mask with more pairs per cell than this is randomly thinned to this many.
_MOST_A_CELL = 256

#: Accuracy of the inverse of V: it affects the path of the descent, not where it ends.
_SOLVED_TO = 1e-2


@dataclass(frozen=True, eq=False)
class Anchors:
    """Pairs of a moving and a fixed cell.

    Parameters
    ----------
    cells : (a,) int
        Moving cells.
    fixed : (a,) int
        Fixed cells.
    distances, weights : (a,) float
        Target distance, and weight in the stress.
    """

    cells: np.ndarray
    fixed: np.ndarray
    distances: np.ndarray
    weights: np.ndarray


class Pairs(Protocol):
    """What the solver needs to know about a set of weighted pairs of cells.

    Attributes
    ----------
    total : float
        ``Σ w δ²``, the stress of a layout with all cells at one point.
    degrees : (n,) float
        Sum of the weights of each cell's pairs.
    parts : (n,) int
        Connected component of each cell.
    """

    total: float
    degrees: np.ndarray
    parts: np.ndarray

    def evaluate(self, y: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the stress of the layout `y`, (n, 2), and its gradient, (n, 2)."""

    def preconditioner(self, free: np.ndarray, pull: np.ndarray) -> Preconditioner:
        """Return the inverse of ``V + diag(pull)`` on the `free` rows; both are (n,)."""

    def anchors(self, free: np.ndarray) -> Anchors:
        """Return the pairs of `free` cells, (n,) bool, with fixed cells."""


class MaskedPairs:
    """The pairs selected by a mask, eq. 5: a `Pairs`.

    Parameters
    ----------
    latent : (n, d) float
        Posterior means.
    mask : (n, n) sparse or dense
        Non-zero where the distance between two cells counts; taken as symmetric, without the
        diagonal. Above 256 pairs per cell, a random subset is used, weighted to represent all.
    generator
        Draws that subset.

    Raises
    ------
    InputError
        The mask is not (n, n) or selects no pair.
    """

    def __init__(self, latent: np.ndarray, mask: Any, generator: np.random.Generator) -> None:
        n = len(latent)
        if mask.shape != (n, n):
            raise InputError(
                f"Expected a mask of {n} x {n} cells, found shape {mask.shape}.", where="mask"
            )
        first, second, weight = _masked(mask, _MOST_A_CELL * n, generator)
        if not len(first):
            raise InputError(
                "Expected a mask that selects at least one pair of cells, found none.",
                remedy="Try no mask, or nearest neighbors in the latent space.",
                where="mask",
            )
        ends = (np.concatenate([first, second]), np.concatenate([second, first]))
        self._graph = csr_matrix((np.full(len(ends[0]), weight), ends), shape=(n, n))
        self._rows = np.repeat(np.arange(n), np.diff(self._graph.indptr))
        self._columns = self._graph.indices
        difference = latent[self._rows] - latent[self._columns]
        self._wanted = np.linalg.norm(difference, axis=1)
        self._near = 1e-10 * float(np.sqrt(latent.var(axis=0).sum()))
        self._weight = weight
        self.total = float(weight * (self._wanted @ self._wanted) / 2)
        self.degrees = np.asarray(self._graph.sum(axis=1)).ravel()
        self.parts = connected_components(self._graph, directed=False)[1]

    def evaluate(self, y: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the stress and its gradient."""
        difference = y[self._rows] - y[self._columns]
        distance = np.sqrt(np.einsum("pc,pc->p", difference, difference) + self._near**2)
        excess = distance - self._wanted
        factor = csr_matrix(
            (self._weight * excess / distance, self._columns, self._graph.indptr),
            shape=self._graph.shape,
        )
        pulled = factor.sum(axis=1).reshape(-1, 1)
        gradient = 2 * (np.asarray(pulled) * y - factor @ y)
        return float(self._weight * (excess @ excess) / 2), gradient

    def preconditioner(self, free: np.ndarray, pull: np.ndarray) -> Preconditioner:
        """Return a conjugate-gradient solver for the Laplacian, preconditioned by its diagonal."""
        solved = np.flatnonzero(free & (self.degrees + pull > 0))
        diagonal = (self.degrees + pull)[solved]
        laplacian = (diags_array(diagonal) - self._graph[solved][:, solved]).tocsr()
        inverse = LinearOperator(laplacian.shape, matvec=lambda r: r / diagonal)

        def solve(residual: np.ndarray) -> np.ndarray:
            x = np.zeros_like(residual)
            for axis in range(residual.shape[1]):
                x[solved, axis], _ = cg(
                    laplacian, residual[solved, axis], rtol=_SOLVED_TO, maxiter=200, M=inverse
                )
            return x

        return solve

    def anchors(self, free: np.ndarray) -> Anchors:
        """Return the masked pairs of a free and a fixed cell."""
        chosen = free[self._rows] & ~free[self._columns]
        wanted = self._wanted[chosen]
        weights = np.full(len(wanted), self._weight)
        return Anchors(self._rows[chosen], self._columns[chosen], wanted, weights)


def _masked(
    mask: Any, most: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, float]:
    named = csr_matrix(mask if issparse(mask) else np.asarray(mask)) != 0
    pairs = triu(named + named.T, k=1).tocoo()
    first, second = pairs.row, pairs.col
    if len(first) <= most:
        return first, second, 1.0
    kept = generator.choice(len(first), most, replace=False)
    return first[kept], second[kept], len(first) / most
