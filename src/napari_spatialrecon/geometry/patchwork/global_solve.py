"""A planar layout from a graph of distances: step 7 of GEARS inference (section 3.5)."""

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

#: Maximum number of updates of the anchor and δ.
_ROUNDS = 8

#: Factor by which the anchor weakens each round, so that the result does not depend on the start.
_WEAKENING = 0.1

#: δ is at most 3 times the 90th percentile of the residuals.
_INLIERS, _REACH = 90, 3.0

#: Random shift of the start, in radii: descent cannot separate coincident cells or leave a line.
_JITTER = 1e-4

#: Residuals, in radii, that count as zero.
_EXACT = 1e-6


@dataclass(frozen=True, eq=False)
class GlobalSolution:
    """A layout of all cells.

    Parameters
    ----------
    places : (n, 2) float
        In the unit of the distances, and in the frame of the fallback if one was given.
    stress
        ``√(Σ w (‖y_i − y_j‖ − d)² / Σ w d²)``: 0 if all distances are matched.
    residual_mean, residual_median, residual_max
        Of ``|‖y_i − y_j‖ − d|`` over all pairs, in the unit of the distances.
    iterations
        Number of steps taken.
    converged
        Whether the steps became shorter than the tolerance.
    pieces : (n,) int
        Connected component of each cell, 0 for the largest; no distance was measured between
        different pieces.
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
        """Cells, (n,) bool, whose position relative to the largest piece was not measured."""
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
    """Return the layout whose distances best match those of the graph.

    Step 7 of section 3.5: Landmark Isomap, then descent of the weighted Huber objective with an
    anchor at the start. Unlike the paper, the descent uses L-BFGS (see `descend`) instead of a
    learning rate, cells on the wrong side of their neighbours are corrected first (see
    `Trilateration`), and the anchor is reset and weakened until it has no effect, while δ shrinks
    to the error seen in the distances: exact distances give exact positions.

    Parameters
    ----------
    graph
        Target distances.
    fallback : (n, 2) float, optional
        A rough layout in the unit of the distances. Each piece is rotated and reflected onto it,
        but not scaled; without a fallback, pieces are put side by side.
    landmarks
        Number of cells per piece whose shortest paths to all others give the initial layout.
    delta
        δ, in radii (root mean square) of the layout: larger residuals count linearly.
    anchor
        Weight of the mean squared shift from the start, relative to the mean over pairs; above 0.
    max_iterations, tolerance
        Stopping criteria: maximum number of steps in all, and smallest root-mean-square step
        relative to the 90th percentile of the residuals; smaller steps change nothing that the
        distances can resolve.
    seed
        Seed for drawing landmarks.
    reporter
        Receives the stress; may stop the solver.

    Raises
    ------
    InputError
        There is no cell, a number is out of bounds, or the fallback is not a finite (n, 2) array.

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
    """Return the layout of each piece around 0, outlying cells pulled in to its 99% radius."""
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
    """Return the layout `y` of radius 1 after descent, the step count and whether it converged."""
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
