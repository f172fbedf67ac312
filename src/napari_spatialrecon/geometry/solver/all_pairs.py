"""All pairs of cells, or a random subset that represents them."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from napari_spatialrecon.geometry.pairs import Anchors, Preconditioner
from napari_spatialrecon.geometry.solver.circle import Circle

#: Distances computed at a time: with two scratch arrays they fit in a core's cache.
_CHUNK = 1 << 16

#: Maximum number of fixed cells used to determine a rigid move.
_ANCHORS = 32


class AllPairs:
    """The pairs of all cells, eq. 6, exact or estimated without bias: a `Pairs`.

    Parameters
    ----------
    latent : (n, d) float
        Posterior means.
    exact : (k,) int
        Cells all of whose pairs are kept.
    circle
        Random pairs that represent those of the other cells; None if `exact` is all cells.
    """

    def __init__(self, latent: np.ndarray, exact: np.ndarray, circle: Circle | None) -> None:
        n = len(latent)
        self._latent, self._exact, self._circle = latent, exact, circle
        self._dtype = np.dtype(np.float64 if circle is None else np.float32)
        #: Smoothing of ‖·‖ at 0, within the precision of the data type.
        share = 1e-10 if circle is None else 1e-5
        self._near = self._dtype.type(share * np.sqrt(latent.var(axis=0).sum()))
        others = np.setdiff1d(np.arange(n), exact)
        self._blocks = [*self._columns(others, 1.0), *self._columns(exact, 0.5)]
        self.total = sum(w * float((d.astype(float) ** 2).sum()) for _, d, w in self._blocks)
        self._dropped = exact
        if circle is not None:
            self._dropped = circle.places_of(exact)
            self.total += circle.total(self._dropped)
        self.degrees = np.full(n, n - 1.0)
        self.parts = np.zeros(n, np.intp)

    def _columns(
        self, rows: np.ndarray, weight: float
    ) -> list[tuple[np.ndarray, np.ndarray, float]]:
        """Yield rows, their target distances to the exact cells, and the weight of each.

        A pair of two exact cells occurs twice and has half the weight.
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
        stress, forces = self._evaluate_columns(y)
        if self._circle is not None:
            rest, others = self._circle.evaluate(y, self._dropped)
            stress, forces = stress + rest, forces + others
        return stress, 2 * forces

    def _evaluate_columns(self, y: np.ndarray) -> tuple[float, np.ndarray]:
        own = np.column_stack([y, np.ones(len(y))]).astype(self._dtype)
        columns = own[self._exact]
        stress, forces = 0.0, np.zeros(y.shape)
        back = np.zeros((len(columns), 3))
        for rows, wanted, weight in self._blocks:
            here = own[rows]
            distance = here[:, :1] - columns[:, 0]
            excess = here[:, 1:2] - columns[:, 1]
            distance *= distance
            excess *= excess
            distance += excess
            distance += self._near**2
            np.sqrt(distance, out=distance)
            np.subtract(distance, wanted, out=excess)
            stress += weight * float(np.vdot(excess, excess))
            factor = np.divide(excess, distance, out=distance)
            moments = factor @ columns
            forces[rows] += weight * (here[:, :2] * moments[:, 2:] - moments[:, :2])
            back += weight * (factor.T @ here)
        forces[self._exact] += columns[:, :2] * back[:, 2:] - back[:, :2]
        return stress, forces

    def preconditioner(self, free: np.ndarray, pull: np.ndarray) -> Preconditioner:
        """Return the inverse in closed form: V is n on the diagonal minus 1 in every entry.

        With a circle this holds on average, and the metric is an estimate.
        """
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
        """Return the pairs of free cells with fixed exact cells (at most 32)."""
        fixed = self._exact[~free[self._exact]][:_ANCHORS]
        cells = np.flatnonzero(free)
        wanted = cdist(self._latent[cells], self._latent[fixed]).ravel()
        ones = np.ones(len(wanted))
        return Anchors(np.repeat(cells, len(fixed)), np.tile(fixed, len(cells)), wanted, ones)
