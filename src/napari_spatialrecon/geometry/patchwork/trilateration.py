"""Move cells out of local minima, to where their neighbours indicate."""

from __future__ import annotations

import numpy as np

from napari_spatialrecon.geometry.patchwork.distance_graph import DistanceGraph

#: A cell moves if its part of the objective falls below this fraction.
_WORTH = 0.5

#: Keeps the normal equations solvable for a cell with collinear neighbours.
_RIDGE = 1e-9


class Trilateration:
    """Moves misplaced cells.

    Parameters
    ----------
    graph
        Target distances and their weights.
    """

    def __init__(self, graph: DistanceGraph) -> None:
        self._from = np.concatenate([graph.first, graph.second])
        self._to = np.concatenate([graph.second, graph.first])
        self._wanted = np.tile(graph.distances, 2)
        self._weights = np.tile(graph.weights, 2)
        self._graph = graph.symmetric(graph.weights)
        self._squares = graph.symmetric(graph.weights * graph.distances**2)
        self._mass = np.maximum(np.asarray(self._graph.sum(axis=1)), 1e-300).reshape(-1, 1)

    def move(self, y: np.ndarray, delta: float) -> np.ndarray:
        """Return the layout `y`, (n, 2), with clearly misplaced cells moved.

        Descent leaves a cell on the wrong side of its neighbours, because the way to the right side
        leads through higher stress. The linear equations of the squared distances have one
        solution.

        Parameters
        ----------
        y : (n, 2) float
            Layout; not modified.
        delta
            δ of the Huber objective used for the comparison (see `HuberPairs`).
        """
        there = self._linear(y)
        better = self._costs(y, there, delta) < _WORTH * self._costs(y, y, delta)
        return np.where(better[:, None], there, y)

    def _linear(self, y: np.ndarray) -> np.ndarray:
        """Return where each cell belongs according to its neighbours p alone.

        ``Σ w (p − p̄)(p − p̄)ᵀ x = ½ Σ w (p − p̄)(‖p‖² − d²)``: the differences of the equations
        ``‖x − p‖² = d²`` from their mean, in which ``‖x‖²`` cancels.
        """
        origin = y.mean(axis=0)
        y = y - origin
        square = (y**2).sum(axis=1, keepdims=True)
        moments = np.hstack([y, square, y * y, y[:, :1] * y[:, 1:], y * square])
        mean = self._graph @ moments / self._mass
        centre = mean[:, :2]
        wanted = self._squares @ np.hstack([np.ones((len(y), 1)), y]) / self._mass
        own = mean[:, 3:5] - centre**2
        own += _RIDGE * own.sum(axis=1, keepdims=True)
        cross = mean[:, 5:6] - centre[:, :1] * centre[:, 1:]
        right = (mean[:, 6:] - wanted[:, 1:] - centre * (mean[:, 2:3] - wanted[:, :1])) / 2
        determinant = np.maximum(own[:, :1] * own[:, 1:] - cross**2, 1e-300)
        return np.asarray((own[:, ::-1] * right - cross * right[:, ::-1]) / determinant + origin)

    def _costs(self, y: np.ndarray, own: np.ndarray, delta: float) -> np.ndarray:
        """Return each cell's part of the objective with the cell at `own` and all others at `y`."""
        difference = own[self._from] - y[self._to]
        excess = np.abs(np.sqrt(np.einsum("pc,pc->p", difference, difference)) - self._wanted)
        inner = np.minimum(excess, delta)
        return np.bincount(
            self._from, self._weights * inner * (2 * excess - inner), minlength=len(y)
        )
