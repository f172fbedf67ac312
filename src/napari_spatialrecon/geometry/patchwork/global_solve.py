"""One layout in the plane from a graph of distances: step 7 of GEARS' inference (section 3.5)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.descent import descend
from napari_spatialrecon.geometry.patchwork.distance_graph import DistanceGraph
from napari_spatialrecon.geometry.patchwork.isomap import landmark_isomap
from napari_spatialrecon.geometry.patchwork.pieces_layout import by_piece, pack, pose_pieces
from napari_spatialrecon.geometry.patchwork.robust import HuberPairs
from napari_spatialrecon.geometry.patchwork.trilateration import Trilateration
from napari_spatialrecon.progress import Reporter

#: Most times that the anchor and δ follow the layout.
_ROUNDS = 8

#: Between rounds the anchor weakens by this, so that the end does not depend on the start.
_WEAKENING = 0.1

#: δ is at most 3 times the residual that 90 % of the distances keep to.
_INLIERS, _REACH = 90, 3.0

#: Random shift of the start, in radii: descent cannot part cells that coincide or leave a line.
_JITTER = 1e-4

#: Residuals, in radii, that are as good as none.
_EXACT = 1e-6


@dataclass(frozen=True, eq=False)
class GlobalSolution:
    """A layout of all cells.

    Parameters
    ----------
    places : (n, 2) float
        In the unit of the distances; in the frame of the fallback if there was one.
    stress
        ``√(Σ w (‖y_i − y_j‖ − d)² / Σ w d²)``: 0 if all distances are kept.
    residual_mean, residual_median, residual_max
        Of ``|‖y_i − y_j‖ − d|`` over all pairs, in the unit of the distances.
    iterations
        Steps taken.
    converged
        Whether the steps became shorter than the tolerance.
    pieces : (n,) int
        Connected component of each cell, 0 for the largest: what lies in different pieces has no
        measured distance.
    """

    places: np.ndarray
    stress: float
    residual_mean: float
    residual_median: float
    residual_max: float
    iterations: int
    converged: bool
    pieces: np.ndarray

    @property
    def loose(self) -> np.ndarray:
        """Cells, (n,) bool, whose place relative to the largest piece is not measured."""
        return self.pieces > 0


def solve_graph(
    graph: DistanceGraph,
    *,
    fallback: np.ndarray | None = None,
    landmarks: int = 128,
    delta: float = 0.1,
    anchor: float = 0.1,
    max_iterations: int = 1000,
    tolerance: float = 0.01,
    seed: int = 0,
    reporter: Reporter | None = None,
) -> GlobalSolution:
    """Return the layout whose distances follow those of the graph.

    Step 7 of section 3.5: Landmark Isomap, then descent of the weighted Huber objective with an
    anchor at its start. Other than in the paper the descent has a memory (see `descend`) in place
    of a learning rate, cells on the wrong side of their neighbours are put right first (see
    `Trilateration`), and the anchor is set again and weakened until it bends nothing, while δ
    shrinks to what the distances show of their own error: exact distances give exact places.

    Parameters
    ----------
    graph
        Wanted distances.
    fallback : (n, 2) float, optional
        A rough layout in the unit of the distances. Each piece is laid on it, turned and turned
        over but not scaled; without one, pieces lie side by side.
    landmarks
        Cells of a piece whose paths to all others make the start.
    delta
        δ, in radii (root mean square) of the layout: residuals beyond count linearly.
    anchor
        Weight of the mean squared move from the start, beside the mean over the pairs; above 0.
    max_iterations, tolerance
        Ends the descent: most steps in all, and least root mean square step beside the residual
        that 90 % of the distances keep to; smaller steps change nothing that is known.
    seed
        Draws landmarks.
    reporter
        Told the stress; may stop the solver.

    Raises
    ------
    InputError
        There is no cell, a number is out of its bounds, or the fallback is not finite (n, 2).

    Examples
    --------
    >>> cells = np.random.default_rng(0).uniform(size=(40, 2))
    >>> first, second = np.triu_indices(40, 1)
    >>> wanted = np.linalg.norm(cells[first] - cells[second], axis=1)
    >>> found = solve_graph(DistanceGraph(40, first, second, wanted, np.ones(len(wanted))))
    >>> found.stress < 1e-6
    True
    """
    _check(graph, fallback, landmarks, delta, anchor)
    reporter = reporter or Reporter()
    reporter.begin("Finding paths")
    generator = np.random.default_rng(seed)
    pieces = graph.pieces
    y = _start(graph, pieces, landmarks, generator, reporter)
    radius = float(np.sqrt((y**2).sum(axis=1).mean()))
    iterations, converged = 0, True
    if radius > 0:
        unit = replace(graph, distances=graph.distances / radius)
        y = y / radius + _JITTER * generator.normal(size=y.shape)
        reporter.begin("Solving for places", total=max_iterations)
        y, iterations, converged = _refine(
            unit, y, delta, anchor, max_iterations, tolerance, reporter
        )
        y = radius * y
    residuals = np.abs(HuberPairs(graph).residuals(y)) if len(graph.first) else np.zeros(1)
    weights = graph.weights if len(graph.first) else np.ones(1)
    square = float(graph.weights @ graph.distances**2)
    return GlobalSolution(
        places=pack(y, pieces) if fallback is None else pose_pieces(y, pieces, fallback),
        stress=float(np.sqrt(weights @ residuals**2 / square)) if square > 0 else 0.0,
        residual_mean=float(residuals.mean()),
        residual_median=float(np.median(residuals)),
        residual_max=float(residuals.max()),
        iterations=iterations,
        converged=converged,
        pieces=pieces,
    )


def _start(
    graph: DistanceGraph,
    pieces: np.ndarray,
    landmarks: int,
    generator: np.random.Generator,
    reporter: Reporter,
) -> np.ndarray:
    """Return the layout of each piece around 0, runaway cells drawn in to its 99 % radius."""
    order, bounds = by_piece(pieces)
    distances = graph.matrix[order][:, order]
    y = np.zeros((graph.n, 2))
    for start, stop in bounds:
        if stop - start > 1:
            part = distances[start:stop, start:stop]
            layout = landmark_isomap(part, landmarks, generator, reporter)
            radii = np.linalg.norm(layout, axis=1)
            most = np.percentile(radii, 99)
            layout *= np.divide(most, radii, out=np.ones(len(radii)), where=radii > most)[:, None]
            y[order[start:stop]] = layout
    return y


def _refine(
    graph: DistanceGraph,
    y: np.ndarray,
    delta: float,
    anchor: float,
    max_iterations: int,
    tolerance: float,
    reporter: Reporter,
) -> tuple[np.ndarray, int, bool]:
    """Return the layout `y` of radius 1 after descent, the steps and whether it converged."""
    pairs, misplaced, taken = HuberPairs(graph), Trilateration(graph), 0
    pull = anchor * float(graph.weights.sum()) / graph.n
    for _ in range(_ROUNDS):
        reporter.check()
        typical = float(np.percentile(np.abs(pairs.residuals(y)), _INLIERS))
        typical = max(typical, _EXACT)
        reach = min(delta, _REACH * typical)
        held = misplaced.move(y, reach)
        found = descend(
            partial(pairs.evaluate, delta=reach, anchor=held, pull=pull),
            pairs.preconditioner(pull),
            held,
            max_iterations=max_iterations - taken,
            shortest=tolerance * min(typical, delta),
            reporter=reporter,
        )
        taken += found.iterations
        moved = float(np.sqrt(((found.y - y) ** 2).sum(axis=1).mean()))
        y = found.y
        if taken >= max_iterations:
            return y, taken, False
        if moved < tolerance * typical:
            break
        pull *= _WEAKENING
    return y, taken, True


def _check(
    graph: DistanceGraph,
    fallback: np.ndarray | None,
    landmarks: int,
    delta: float,
    anchor: float,
) -> None:
    if graph.n < 1:
        raise InputError("Expected at least 1 cell, found none.")
    if landmarks < 3 or not delta > 0 or not anchor > 0:
        raise InputError(
            "Expected at least 3 landmarks and δ and anchor above 0, "
            f"found {landmarks}, {delta:g} and {anchor:g}."
        )
    if fallback is not None and (fallback.shape != (graph.n, 2) or not np.isfinite(fallback).all()):
        raise InputError(
            f"Expected a finite fallback of shape ({graph.n}, 2), found shape {fallback.shape}."
        )
