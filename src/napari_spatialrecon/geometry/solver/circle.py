"""A random subset of all pairs of cells, arranged so that no cell has to be looked up."""

from __future__ import annotations

import numpy as np


class Circle:
    """Cells in a random circle, and the pairs that are certain random steps apart on it.

    All pairs are equally likely, every cell is in the same number of them (twice the number of
    steps), and all pairs of one step are two slices of one array. Distances to a few pivots would
    be as fast, but noise would then separate the pivots from all other cells, as in unfolding. A
    cell's nearest neighbours need no extra pairs: they are few of the n - 1 cells that have equal
    weight in eq. 6.

    Parameters
    ----------
    latent : (n, d) float
        Posterior means.
    steps
        Number of steps (pairs kept per cell); at most (n - 1) / 2.
    generator
        Draws the circle and the steps.

    Attributes
    ----------
    weight : float
        Weight of a pair, so that the pairs represent all pairs.
    """

    def __init__(self, latent: np.ndarray, steps: int, generator: np.random.Generator) -> None:
        n = len(latent)
        half = (n - 1) // 2
        self._order = generator.permutation(n)
        self._steps = np.sort(generator.choice(half, min(steps, half), replace=False)) + 1
        self.weight = (n - 1) / (2 * len(self._steps))
        self._near = np.float32(1e-5 * np.sqrt(latent.var(axis=0).sum()))
        own = latent[self._order].astype(np.float32)
        twice = np.concatenate([own, own])
        self._wanted = np.empty((len(self._steps), n), np.float32)
        for wanted, step in zip(self._wanted, self._steps, strict=True):
            difference = own - twice[step : step + n]
            np.sqrt(np.einsum("nd,nd->n", difference, difference), out=wanted)

    def places_of(self, cells: np.ndarray) -> np.ndarray:
        """Return the positions of `cells`, (k,), on the circle."""
        inverse = np.empty(len(self._order), np.intp)
        inverse[self._order] = np.arange(len(inverse))
        return inverse[cells]

    def total(self, dropped: np.ndarray) -> float:
        """Return ``Σ w δ²`` without the pairs of the cells at `dropped`, (k,), on the circle."""
        total = 0.0
        for wanted, step in zip(self._wanted, self._steps, strict=True):
            kept = wanted.copy()
            kept[dropped] = 0
            kept[dropped - step] = 0
            total += float(np.vdot(kept, kept))
        return self.weight * total

    def evaluate(self, y: np.ndarray, dropped: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the stress of the layout `y`, (n, 2), and half its gradient.

        Pairs of the cells at `dropped`, (k,), on the circle do not count.
        """
        own = np.ascontiguousarray(y[self._order].T, np.float32)
        n = own.shape[1]
        twice = np.concatenate([own, own], axis=1)
        pushed, pulled = np.zeros_like(own), np.zeros_like(twice)
        squares, excess, stress = np.empty_like(own), np.empty_like(own[0]), 0.0
        for step, wanted in zip(self._steps, self._wanted, strict=True):
            difference = own - twice[:, step : step + n]
            np.multiply(difference, difference, out=squares)
            distance = np.add(squares[0], squares[1], out=squares[0])
            distance += self._near**2
            np.sqrt(distance, out=distance)
            np.subtract(distance, wanted, out=excess)
            excess[dropped] = 0
            excess[dropped - step] = 0
            stress += float(np.vdot(excess, excess))
            difference *= np.divide(excess, distance, out=distance)
            pushed += difference
            pulled[:, step : step + n] += difference
        forces = np.empty(y.shape)
        forces[self._order] = (pushed - pulled[:, :n] - pulled[:, n:]).T
        return self.weight * stress, self.weight * forces
