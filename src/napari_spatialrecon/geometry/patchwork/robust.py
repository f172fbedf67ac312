"""The weighted Huber objective of a graph of distances: step 7 of GEARS inference."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix, diags_array
from scipy.sparse.linalg import LinearOperator, cg

from napari_spatialrecon.geometry.pairs import Preconditioner
from napari_spatialrecon.geometry.patchwork.distance_graph import DistanceGraph

#: Accuracy and maximum steps of the metric's inverse: affects the path of the descent only.
_SOLVED_TO, _STEPS = 1e-2, 100


class HuberPairs:
    """``Σ w ρ(‖y_i − y_j‖ − d) + pull Σ ‖y_i − a_i‖²``, ρ(r) = r² up to δ and 2δ|r| − δ² beyond.

    Parameters
    ----------
    graph
        Pairs, target distances and weights.
    """

    def __init__(self, graph: DistanceGraph) -> None:
        m = len(graph.first)
        ends = np.stack([graph.first, graph.second], axis=1).ravel()
        signs = np.tile([1.0, -1.0], m)
        self._ends = csr_matrix((signs, ends, np.arange(m + 1) * 2), shape=(m, graph.n))
        self._back = self._ends.T.tocsr()
        self._wanted, self._weights = graph.distances, graph.weights
        self._laplacian = self._back @ diags_array(graph.weights) @ self._ends
        self._near = 1e-12 * float(graph.distances.max(initial=0.0)) ** 2 + 1e-300

    def residuals(self, y: np.ndarray) -> np.ndarray:
        """Return ``‖y_i − y_j‖ − d`` for each pair, (m,), in the layout `y`, (n, 2)."""
        difference = self._ends @ y
        return np.asarray(np.sqrt(np.einsum("pc,pc->p", difference, difference)) - self._wanted)

    def evaluate(
        self, y: np.ndarray, delta: float, anchor: np.ndarray, pull: float
    ) -> tuple[float, np.ndarray]:
        """Return the objective and its gradient at `y`, with a = `anchor`, both (n, 2)."""
        difference = self._ends @ y
        distance = np.sqrt(np.einsum("pc,pc->p", difference, difference) + self._near)
        excess = distance - self._wanted
        inner = np.clip(excess, -delta, delta)
        value = float(self._weights @ (inner * (2 * excess - inner)))
        difference *= (self._weights * inner / distance)[:, None]
        apart = y - anchor
        value += pull * float(np.vdot(apart, apart))
        return value, 2 * (self._back @ difference + pull * apart)

    def preconditioner(self, pull: float) -> Preconditioner:
        """Return the inverse of ``V + pull``, V the Laplacian of the weights.

        Huber's ρ lies below r², so this metric majorises it, as SMACOF's majorises the stress.
        """
        shape = self._laplacian.shape
        matrix = (self._laplacian + diags_array(np.full(shape[0], pull))).tocsr()
        diagonal = np.repeat(np.maximum(matrix.diagonal(), 1e-300), 2)
        size = 2 * shape[0]
        both = LinearOperator((size, size), lambda x: (matrix @ x.reshape(-1, 2)).ravel())
        inverse = LinearOperator((size, size), lambda x: x.ravel() / diagonal)

        def solve(residual: np.ndarray) -> np.ndarray:
            x, _ = cg(both, residual.ravel(), rtol=_SOLVED_TO, maxiter=_STEPS, M=inverse)
            return np.asarray(x.reshape(-1, 2))

        return solve
