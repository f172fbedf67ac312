"""All pairs of cells, or a random part of them that stands for all."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from napari_spatialrecon.geometry.pairs import Anchors, Preconditioner

#: Distances handled at once: with two scratch arrays they stay in a core's cache.
_CHUNK = 1 << 16

#: Most fixed cells whose distances decide a rigid move.
_ANCHORS = 32


class AllPairs:
    """The pairs of all cells, eq. 6, exact or estimated without bias: a `Pairs`.

    All pairs of the `exact` cells are kept. The others stand in a random circle, and a pair of them
    is kept if its cells are one of some random steps apart on it: all pairs are equally likely,
    every cell has as many partners, and the layouts of two neighbouring steps are slices of one
    array. Distances to a few pivots would be as fast, but noise then sets the pivots apart from
    all other cells, as in unfolding; and a cell's nearest neighbours need no pairs of their own,
    being few of the n - 1 that count alike.

    Parameters
    ----------
    latent : (n, d) float
        Posterior means.
    exact : (k,) int
        Cells all of whose pairs are kept; with all n of them nothing is random.
    partners
        Pairs kept per cell among the others (each cell is in twice as many).
    generator
        Draws the circle and the steps.
    """

    def __init__(
        self, latent: np.ndarray, exact: np.ndarray, partners: int, generator: np.random.Generator
    ) -> None:
        n = len(latent)
        self._latent, self._exact = latent, exact
        self.degrees = np.full(n, n - 1.0)
        self.parts = np.zeros(n, np.intp)
        circle = np.setdiff1d(np.arange(n), exact)
        self._dtype = np.dtype(np.float32 if len(circle) else np.float64)
        #: Smoothing of ‖·‖ at 0, in reach of the data type.
        share = 1e-5 if len(circle) else 1e-10
        self._near = self._dtype.type(share * np.sqrt(latent.var(axis=0).sum()))
        self._blocks = [*self._columns(circle, 1.0), *self._columns(exact, 0.5)]
        self._circle = generator.permutation(circle)
        half = max(len(circle) - 1, 0) // 2
        self._steps = np.sort(generator.choice(half, min(partners, half), replace=False)) + 1
        self._weight = (len(circle) - 1) / max(2 * len(self._steps), 1)
        on_circle = latent[self._circle]
        self._wanted = np.empty((len(self._steps), len(circle)), self._dtype)
        for wanted, step in zip(self._wanted, self._steps, strict=True):
            wanted[:] = np.linalg.norm(on_circle - np.roll(on_circle, -step, axis=0), axis=1)
        self.total = sum(w * float((d.astype(float) ** 2).sum()) for _, d, w in self._blocks)
        self.total += self._weight * sum(float(np.vdot(d, d)) for d in self._wanted)

    def _columns(
        self, rows: np.ndarray, weight: float
    ) -> list[tuple[np.ndarray, np.ndarray, float]]:
        """Return rows, their wanted distances to the exact cells, and the weight of each.

        A pair of two exact cells is met twice, and weighs half.
        """
        if not len(self._exact):
            return []
        step = max(1, _CHUNK // len(self._exact))
        chosen, blocks = self._latent[self._exact], []
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            blocks.append((part, cdist(self._latent[part], chosen).astype(self._dtype), weight))
        return blocks

    def evaluate(self, y: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the stress and its gradient."""
        own = np.column_stack([y, np.ones(len(y))]).astype(self._dtype)
        value, gradient = self._evaluate_columns(own)
        if len(self._steps):
            rest, forces = self._evaluate_circle(own[self._circle, :2].T)
            value += rest
            gradient[self._circle] += forces.T
        return value, 2 * gradient

    def _evaluate_columns(self, own: np.ndarray) -> tuple[float, np.ndarray]:
        columns = own[self._exact]
        value, gradient = 0.0, np.zeros((len(own), 2))
        back = np.zeros((len(columns), 3))
        for rows, wanted, weight in self._blocks:
            here = own[rows]
            distance = self._lengths(here[:, :1] - columns[:, 0], here[:, 1:2] - columns[:, 1])
            excess = distance - wanted
            value += weight * float(np.vdot(excess, excess))
            factor = np.divide(excess, distance, out=distance)
            moments = factor @ columns
            gradient[rows] += weight * (here[:, :2] * moments[:, 2:] - moments[:, :2])
            back += weight * (factor.T @ here)
        gradient[self._exact] += columns[:, :2] * back[:, 2:] - back[:, :2]
        return value, gradient

    def _evaluate_circle(self, own: np.ndarray) -> tuple[float, np.ndarray]:
        n = own.shape[1]
        twice = np.concatenate([own, own], axis=1)
        pushed, pulled = np.zeros_like(own), np.zeros_like(twice)
        value = 0.0
        for step, wanted in zip(self._steps, self._wanted, strict=True):
            difference = own - twice[:, step : step + n]
            distance = self._lengths(difference[0].copy(), difference[1].copy())
            excess = distance - wanted
            value += float(np.vdot(excess, excess))
            difference *= np.divide(excess, distance, out=distance)
            pushed += difference
            pulled[:, step : step + n] += difference
        forces = pushed - pulled[:, :n] - pulled[:, n:]
        return self._weight * value, self._weight * forces.astype(float)

    def _lengths(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the smoothed length of the vectors (x, y), in the memory of `x`."""
        x *= x
        y *= y
        x += y
        x += self._near**2
        return np.sqrt(x, out=x)

    def preconditioner(self, free: np.ndarray, pull: np.ndarray) -> Preconditioner:
        """Return the inverse in closed form, since V is n less 1 in every entry (on average)."""
        inverse = np.zeros(len(free))
        inverse[free] = 1 / (len(free) + pull[free])
        held = 1 - float(inverse.sum())
        floating = bool(free.all() and not pull.any())

        def solve(residual: np.ndarray) -> np.ndarray:
            x = inverse[:, None] * residual
            if floating:
                return x - x.mean(axis=0)
            return x + inverse[:, None] * x.sum(axis=0) / held

        return solve

    def anchors(self, free: np.ndarray) -> Anchors:
        """Return the pairs of the free cells with the exact ones that are fixed (32 at most)."""
        fixed = self._exact[~free[self._exact]][:_ANCHORS]
        cells = np.flatnonzero(free)
        wanted = cdist(self._latent[cells], self._latent[fixed]).ravel()
        return Anchors(
            np.repeat(cells, len(fixed)),
            np.tile(fixed, len(cells)),
            wanted,
            np.ones(len(wanted)),
        )
