"""Eqs. 6-7 for one set of landmark cells, whatever their positions."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Self

import numpy as np

from napari_spatialrecon.geometry.pairs import Anchors, Pairs, Preconditioner
from napari_spatialrecon.geometry.solver import rigid
from napari_spatialrecon.geometry.solver.landmarks import Landmarks


@dataclass(frozen=True, eq=False)
class Problem:
    """The stress of some pairs, with hard landmarks fixed and soft ones pulled.

    All lengths are in latent units.

    Parameters
    ----------
    pairs
        Target distances.
    indices : (k,) int
        Landmark cells.
    hard : (k,) bool
        Which landmarks are fixed.
    free : (n,) bool
        Moving cells.
    pull : (n,) float
        Weight of ``‖y_k − s_k‖²`` for soft landmarks, 0 for other cells.
    precondition
        Inverse of the metric of the stress on the free cells.
    anchors
        What determines the pose: pairs with hard landmarks, and soft landmarks pulled to their
        targets.
    targets : (k, 2) float
        Positions of the landmarks.
    """

    pairs: Pairs
    indices: np.ndarray
    hard: np.ndarray
    free: np.ndarray
    pull: np.ndarray
    precondition: Preconditioner
    anchors: Anchors
    targets: np.ndarray

    @classmethod
    def of(cls, pairs: Pairs, landmarks: Landmarks | None) -> Self:
        """Return the problem of these landmark cells; `aimed` sets their positions."""
        n = len(pairs.degrees)
        free, pull = np.ones(n, bool), np.zeros(n)
        indices, hard = np.empty(0, np.intp), np.empty(0, bool)
        if landmarks is not None:
            indices, hard = landmarks.indices, landmarks.hard
            free[indices[hard]] = False
            soft = indices[~hard]
            pull[soft] = landmarks.weights[~hard] * np.maximum(pairs.degrees[soft], 1)
        metric = pairs.preconditioner(free, pull)
        anchors = _anchors(pairs.anchors(free), indices[~hard], pull)
        return cls(pairs, indices, hard, free, pull, metric, anchors, np.zeros((len(indices), 2)))

    def aimed(self, targets: np.ndarray) -> Self:
        """Return the problem with the landmarks at `targets`, (k, 2)."""
        return dataclasses.replace(self, targets=targets)

    def with_hard(self, y: np.ndarray) -> np.ndarray:
        """Return the layout `y`, (n, 2), with the hard landmarks at their targets."""
        y = y.copy()
        y[self.indices[self.hard]] = self.targets[self.hard]
        return y

    def evaluate(self, y: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the stress, including the pull of soft landmarks, and its gradient."""
        stress, gradient = self.pairs.evaluate(y)
        soft = self.indices[~self.hard]
        gradient[soft] += 2 * self.pull[soft, None] * (y[soft] - self.targets[~self.hard])
        gradient[~self.free] = 0
        return stress + self.pull_stress(y), gradient

    def pull_stress(self, y: np.ndarray) -> float:
        """Return the contribution of soft landmarks to the stress of the layout `y`."""
        soft = self.indices[~self.hard]
        gaps = y[soft] - self.targets[~self.hard]
        return float(self.pull[soft] @ (gaps**2).sum(axis=1))

    def anchor_stress(self, y: np.ndarray) -> float:
        """Return the part of the stress of the layout `y` that depends on its pose."""
        return rigid.anchor_stress(y, self._points, self.anchors)

    def repose(self, y: np.ndarray, shortest: float) -> np.ndarray:
        """Return `y` with each connected part fitted to the landmarks (see `rigid.repose`)."""
        parts = np.where(self.free, self.pairs.parts, -1)
        return rigid.repose(y, self._points, self.anchors, parts, shortest=shortest)

    @property
    def _points(self) -> np.ndarray:
        points = np.zeros((len(self.free), 2))
        points[self.indices] = self.targets
        return points

    @property
    def unsupported(self) -> np.ndarray:
        """Cells, (n,) bool, that no chain of pairs connects to a landmark (or to any cell)."""
        if not len(self.indices):
            return self.pairs.degrees == 0
        parts = self.pairs.parts
        return ~np.isin(parts, parts[self.indices])


def _anchors(pairs: Anchors, soft: np.ndarray, pull: np.ndarray) -> Anchors:
    return Anchors(
        np.concatenate([pairs.cells, soft]),
        np.concatenate([pairs.fixed, soft]),
        np.concatenate([pairs.distances, np.zeros(len(soft))]),
        np.concatenate([pairs.weights, pull[soft]]),
    )
