"""All pairs of cells, or the pairs with some of the cells that stand for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial.distance import cdist

from napari_spatialrecon.geometry.pairs import Anchors, Preconditioner

#: Distances handled at once: with two scratch arrays they stay in a core's cache.
_CHUNK = 1 << 16

#: Most fixed cells whose distances decide a rigid move.
_ANCHORS = 32


class ColumnPairs:
    """Pairs of every cell with some cells, the columns: a `Pairs`.

    A pair is kept if at least one of its cells is a column, which has a known probability π, and
    weighs 1/π: the stress is an unbiased estimate of that of all pairs (Horvitz-Thompson). Cells
    of the group `exact` (the landmarks) are drawn apart from the others, so that all their pairs
    are kept where all of them are columns. With every cell a column this is the full problem.

    Parameters
    ----------
    latent : (n, d) float
        Posterior means.
    columns : (p,) int
        Drawn at random, each cell of a group as likely as any other.
    exact : (n,) bool
        The group that is drawn apart.
    """

    def __init__(self, latent: np.ndarray, columns: np.ndarray, exact: np.ndarray) -> None:
        n = len(latent)
        self._latent, self._columns = latent, columns
        self._dtype = np.dtype(np.float64 if len(columns) == n else np.float32)
        is_column = np.zeros(n, bool)
        is_column[columns] = True
        self._kind = 2 * exact + is_column
        self._counts = np.bincount(self._kind, minlength=4)
        self._weights = _weights(self._counts)
        #: Smoothing of ‖·‖ at 0, in reach of the data type.
        share = 1e-10 if len(columns) == n else 1e-5
        self._near = share * float(np.sqrt(latent.var(axis=0).sum()))
        self._blocks = list(self._make_blocks())
        self.total = sum(
            float((wanted.astype(float) ** 2).sum(axis=0) @ w) for _, wanted, w in self._blocks
        )
        self.degrees = (self._weights @ self._counts - self._weights.diagonal())[self._kind]
        self.parts = np.zeros(n, np.intp)

    def _make_blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield rows of one kind, their wanted distances to the columns, and the columns' weights.

        A pair of two columns is met twice, so rows that are columns weigh half.
        """
        chosen = self._latent[self._columns]
        step = max(1, _CHUNK // len(self._columns))
        for kind in range(4):
            rows = np.flatnonzero(self._kind == kind)
            halved = 0.5 if kind % 2 else 1.0
            weights = halved * self._weights[kind, self._kind[self._columns]]
            for start in range(0, len(rows), step):
                part = rows[start : start + step]
                yield part, cdist(self._latent[part], chosen).astype(self._dtype), weights

    def evaluate(self, y: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the stress and its gradient."""
        own = np.column_stack([y, np.ones(len(y))]).astype(self._dtype)
        columns = own[self._columns]
        value, gradient = 0.0, np.zeros(y.shape)
        back = np.zeros((len(columns), 3))
        for rows, wanted, weights in self._blocks:
            excess, factor = self._factors(own[rows], columns, wanted)
            np.multiply(excess, excess, out=excess)
            value += float(excess.sum(axis=0) @ weights)
            weighted = columns * weights[:, None].astype(self._dtype)
            moments = factor @ weighted
            gradient[rows] += own[rows, :2] * moments[:, 2:] - moments[:, :2]
            back += weights[:, None] * (factor.T @ own[rows])
        gradient[self._columns] += columns[:, :2] * back[:, 2:] - back[:, :2]
        return value, 2 * gradient

    def _factors(
        self, own: np.ndarray, columns: np.ndarray, wanted: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return ``d − δ`` and ``1 − δ/d`` of a block."""
        distance = own[:, :1] - columns[:, 0]
        other = own[:, 1:2] - columns[:, 1]
        distance *= distance
        other *= other
        distance += other
        distance += self._dtype.type(self._near**2)
        np.sqrt(distance, out=distance)
        excess = np.subtract(distance, wanted, out=other)
        return excess, np.divide(excess, distance, out=distance)

    def preconditioner(self, free: np.ndarray, pull: np.ndarray) -> Preconditioner:
        """Return the inverse in closed form: V is diagonal but for constant blocks of kinds."""
        kind, weights = self._kind, self._weights
        inverse = np.zeros(len(kind))
        inverse[free] = 1 / ((weights @ self._counts)[kind] + pull)[free]
        totals = np.bincount(kind, inverse, minlength=4)
        coupling = np.linalg.pinv(np.eye(4) - totals[:, None] * weights, rcond=1e-10)
        floating = bool(free.all() and not pull.any())

        def solve(residual: np.ndarray) -> np.ndarray:
            x = inverse[:, None] * residual
            sums = np.column_stack([np.bincount(kind, axis, minlength=4) for axis in x.T])
            x += inverse[:, None] * (weights @ coupling @ sums)[kind]
            return x - x.mean(axis=0) if floating else x

        return solve

    def anchors(self, free: np.ndarray) -> Anchors:
        """Return the pairs of the free cells with the fixed columns (32 at most)."""
        fixed = self._columns[~free[self._columns]][:_ANCHORS]
        cells = np.flatnonzero(free)
        wanted = cdist(self._latent[cells], self._latent[fixed]).ravel()
        weights = self._weights[self._kind[cells]][:, self._kind[fixed]].ravel()
        return Anchors(np.repeat(cells, len(fixed)), np.tile(fixed, len(cells)), wanted, weights)


def _weights(counts: np.ndarray) -> np.ndarray:
    """Return the weight of a pair by the kinds of its cells, (4, 4); 0 where it is never kept.

    Kinds are 2 · (in the exact group) + (is a column).
    """
    result = np.zeros((4, 4))
    group_sizes = counts.reshape(2, 2).sum(axis=1)
    for a in range(4):
        for b in range(4):
            if not (a % 2 or b % 2):
                continue
            first, second = a // 2, b // 2
            others = group_sizes[second] - (first == second)
            missed = counts[2 * first] / max(group_sizes[first], 1)
            missed *= (counts[2 * second] - (first == second)) / max(others, 1)
            result[a, b] = 1 / (1 - max(missed, 0.0))
    return result
