"""Positions whose distances follow the latent, given landmarks: eqs. 6-7 of the dp-VAE paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.descent import Descent, descend
from napari_spatialrecon.geometry.pairs import MaskedPairs, Pairs
from napari_spatialrecon.geometry.procrustes import fit_pose
from napari_spatialrecon.geometry.solver.all_pairs import AllPairs
from napari_spatialrecon.geometry.solver.circle import Circle
from napari_spatialrecon.geometry.solver.landmarks import Landmarks
from napari_spatialrecon.geometry.solver.problem import Problem
from napari_spatialrecon.progress import Reporter

#: Up to this many cells all pairs are used; above it, a random sample of the pairs.
ALL_PAIRS = 1500

#: Maximum number of landmarks for which all pairs are used.
_EXACT = 256

#: Tolerance while dragging, as a share of the layout's radius: below a screen pixel.
_LIVE_TOLERANCE = 1e-4

#: Number of times the pose is refitted after the layout has changed.
_ROUNDS = 5


@dataclass(frozen=True, eq=False)
class Solution:
    """Positions found by the solver.

    Parameters
    ----------
    places : (n, 2) float, (x, y)
        In the unit and frame of the landmarks; without landmarks centred, in latent units / λ.
    stress
        ``Σ (‖z_i − z_j‖ − λ ‖y_i − y_j‖)² / Σ ‖z_i − z_j‖²`` over the pairs, 0 if all distances are
        matched. If a sample of the pairs was used, this is the stress of the sample, a few percent
        too low, since the positions are fitted to it. Excludes the pull of soft landmarks.
    iterations
        Number of steps taken.
    converged
        Whether the steps became shorter than the tolerance.
    scale
        λ, latent units per tissue unit.
    unsupported : (n,) bool
        Cells that no chain of pairs connects to a landmark (without landmarks: to any cell). Only
        the layout as a whole determines their position.
    """

    places: np.ndarray
    stress: float
    iterations: int
    converged: bool
    scale: float
    unsupported: np.ndarray


class PlaceSolver:
    """Solves eqs. 6-7 for one latent, repeatedly as landmarks are added, moved and removed.

    Whatever does not depend on the landmarks' positions is computed once, and each solve starts
    from the last solution. `descend` (accelerated SMACOF) and `repose` alternate: one changes the
    shape, the other the pose.

    Parameters
    ----------
    latent : (n, d) float
        Posterior means of the cells, d at least 2.
    mask : (n, n) sparse or dense, optional
        Non-zero for pairs whose distance counts (eq. 5); all pairs if None.
    pairs
        Above 1,500 cells, this many random pairs per cell are used (plus all pairs with a
        landmark), weighted so that the stress is an unbiased estimate of that of all pairs. The
        stress of the result over all pairs exceeds the minimum by about 3 parts in `pairs`.
    seed
        Seed of the random pairs.
    reporter
        Receives the progress of the free layout, which is computed first.

    Raises
    ------
    InputError
        The latent is not finite, has fewer than 3 cells or 2 dimensions, or is the same for all
        cells.

    Examples
    --------
    >>> cells = np.random.default_rng(0).uniform(0, 100, (200, 2))
    >>> solver = PlaceSolver(cells @ np.array([[0.0, 1.0], [1.0, 0.0]]))
    >>> known = np.array([3, 50, 120])
    >>> found = solver.solve(Landmarks(known, cells[known]))
    >>> bool(np.allclose(found.places, cells))
    True
    >>> solver.move(50, cells[50] + 5.0).places[50] - cells[50]
    array([5., 5.])
    """

    def __init__(
        self,
        latent: np.ndarray,
        *,
        mask: Any = None,
        pairs: int = 256,
        seed: int = 0,
        reporter: Reporter | None = None,
    ) -> None:
        if pairs < 1:
            raise InputError(
                f"Expected at least 1 pair per cell, found {pairs}.", remedy="Try 256."
            )
        self._latent = _checked(latent)
        self._radius = float(np.sqrt(self._latent.var(axis=0).sum()))
        generator = np.random.default_rng(seed)
        self._masked = self._circle = None
        if mask is not None:
            self._masked = MaskedPairs(self._latent, mask, generator)
        elif len(self._latent) > ALL_PAIRS:
            self._circle = Circle(self._latent, pairs, generator)
        self._free_problem = self._problem = self._prepare(None)
        start = _plane(self._latent)
        self._free = self._run(self._problem, start, 500, 1e-5, reporter or Reporter())
        self._y = self._free.y
        self._landmarks: Landmarks | None = None
        self._scale, self._origin = 1.0, np.zeros(2)

    def solve(
        self,
        landmarks: Landmarks | None = None,
        *,
        scale: float = 1.0,
        start: np.ndarray | None = None,
        max_iterations: int = 500,
        tolerance: float = 1e-5,
        reporter: Reporter | None = None,
    ) -> Solution:
        """Return the positions given these landmarks.

        Parameters
        ----------
        landmarks
            None for the free layout (metric multidimensional scaling).
        scale
            λ, latent units per unit of place (see `fit_scale`).
        start : (n, 2) float, optional
            Initial positions. By default the last solution (if the landmarks are the same cells) or
            the free layout fitted to the landmarks, whichever matches them better.
        max_iterations, tolerance
            Stopping criteria: maximum number of steps, and smallest root-mean-square step as a
            share of the layout's radius.
        reporter
            Receives the stress; may stop the solver.

        Raises
        ------
        InputError
            A landmark is not one of the cells, the landmarks' latents are collinear, or λ is not
            above 0.
        """
        if not (np.isfinite(scale) and scale > 0):
            raise InputError(
                f"Expected a scale λ above 0, found {scale:g}.",
                remedy="Try refitting it to the landmarks.",
            )
        if landmarks is None:
            places = self._free.y / scale
            return _solution(self._free_problem, self._free, places, scale)
        landmarks.check_cells(len(self._latent))
        warm = _same_cells(landmarks, self._landmarks)
        if not warm:
            self._problem, self._origin = self._prepare(landmarks), landmarks.places.mean(axis=0)
            self._landmarks = None
        problem = self._problem.aimed(scale * (landmarks.places - self._origin))
        if start is not None:
            y = problem.with_hard(scale * (np.asarray(start, float) - self._origin))
        else:
            y = self._start(problem, warm)
        found = self._run(problem, y, max_iterations, tolerance, reporter or Reporter())
        self._landmarks, self._scale, self._y = landmarks, scale, found.y
        places = found.y / scale + self._origin
        places[landmarks.indices[landmarks.hard]] = landmarks.places[landmarks.hard]
        return _solution(problem, found, places, scale)

    def move(self, index: int, place: np.ndarray, *, max_iterations: int = 4) -> Solution:
        """Return the positions after moving the landmark of cell `index` to `place`, (x, y).

        Takes a few steps from the last solution, for dragging; call `solve` on release.

        Raises
        ------
        InputError
            Nothing was solved before, the cell is not a landmark, or the move puts all landmarks on
            one line.
        """
        if self._landmarks is None:
            raise InputError(
                "Expected landmarks to move, found none.",
                remedy="Try solving with landmarks first.",
            )
        moved = self._landmarks.moved(index, place)
        return self.solve(
            moved,
            scale=self._scale,
            start=self._y / self._scale + self._origin,
            max_iterations=max_iterations,
            tolerance=_LIVE_TOLERANCE,
        )

    def _prepare(self, landmarks: Landmarks | None) -> Problem:
        pairs: Pairs
        if self._masked is not None:
            pairs = self._masked
        else:
            exact = np.arange(len(self._latent))
            if self._circle is not None:
                exact = exact[:0] if landmarks is None else landmarks.indices[:_EXACT]
            pairs = AllPairs(self._latent, exact, self._circle)
        return Problem.of(pairs, landmarks)

    def _start(self, problem: Problem, warm: bool) -> np.ndarray:
        try:
            pose = fit_pose(self._free.y[problem.indices], problem.targets, scaling=False)
        except InputError as error:
            raise InputError(
                "Expected landmarks whose latents span the plane, found them on one line: the "
                "layout could be flipped.",
                remedy="Try adding a landmark in another part of the tissue.",
                where="landmarks",
            ) from error
        posed = problem.with_hard(pose.apply(self._free.y))
        if not warm:
            return posed
        last = problem.with_hard(self._y)
        return min((last, posed), key=problem.anchor_stress)

    def _run(
        self,
        problem: Problem,
        y: np.ndarray,
        max_iterations: int,
        tolerance: float,
        reporter: Reporter,
    ) -> Descent:
        shortest, taken = tolerance * self._radius, 0
        reporter.begin("Solving for places")
        y = problem.repose(y, shortest)
        for _ in range(_ROUNDS):
            found = descend(
                problem.evaluate,
                problem.precondition,
                y,
                max_iterations=max_iterations - taken,
                shortest=shortest,
                reporter=reporter,
            )
            taken += found.iterations
            if not (found.converged and found.iterations):
                break
            y = problem.repose(found.y, shortest)
            if np.abs(y - found.y).max() < shortest or problem.evaluate(y)[0] >= found.stress:
                break
        return Descent(found.y, found.stress, taken, found.converged)


def solve_places(
    latent: np.ndarray,
    *,
    scale: float = 1.0,
    landmarks: Landmarks | None = None,
    mask: Any = None,
    start: np.ndarray | None = None,
    pairs: int = 256,
    max_iterations: int = 500,
    tolerance: float = 1e-5,
    reporter: Reporter | None = None,
    seed: int = 0,
) -> Solution:
    """Return positions whose distances match those of the latent: one solve of `PlaceSolver`.

    Parameters, results and errors are those of `PlaceSolver` and its `solve`.

    Examples
    --------
    >>> cells = np.random.default_rng(0).uniform(0, 100, (50, 2))
    >>> solve_places(cells).stress < 1e-12
    True
    """
    solver = PlaceSolver(latent, mask=mask, pairs=pairs, seed=seed, reporter=reporter)
    return solver.solve(
        landmarks,
        scale=scale,
        start=start,
        max_iterations=max_iterations,
        tolerance=tolerance,
        reporter=reporter,
    )


def full_stress(latent: np.ndarray, places: np.ndarray, *, scale: float = 1.0) -> float:
    """Return the `Solution.stress` of `places` over all pairs, in O(n²) time, in blocks.

    Parameters
    ----------
    latent : (n, d) float
        Posterior means.
    places : (n, 2) float
        Any layout of the same cells.
    scale
        λ, latent units per tissue unit.
    """
    lost = total = 0.0
    for start in range(0, len(latent), 500):
        wanted = cdist(latent[start : start + 500], latent)
        lost += float(((wanted - scale * cdist(places[start : start + 500], places)) ** 2).sum())
        total += float((wanted**2).sum())
    return lost / total


def _checked(latent: np.ndarray) -> np.ndarray:
    latent = np.asarray(latent, float)
    if latent.ndim != 2 or len(latent) < 3 or latent.shape[1] < 2:
        raise InputError(
            f"Expected a latent of at least 3 cells and 2 dimensions, found shape {latent.shape}."
        )
    if not np.isfinite(latent).all():
        bad = int((~np.isfinite(latent).all(axis=1)).sum())
        raise InputError(f"Expected a finite latent, found {bad} cells where it is not finite.")
    if not np.ptp(latent, axis=0).any():
        raise InputError("Expected latents that differ, found the same for all cells.")
    return latent - latent.mean(axis=0)


def _plane(latent: np.ndarray) -> np.ndarray:
    """Return the centred latent on its first two principal axes; unchanged if it has two."""
    if latent.shape[1] == 2:
        return latent
    axes = np.linalg.eigh(latent.T @ latent)[1][:, ::-1][:, :2]
    largest = np.abs(axes).argmax(axis=0)
    return latent @ (axes * np.sign(axes[largest, [0, 1]]))


def _same_cells(first: Landmarks, second: Landmarks | None) -> bool:
    return second is not None and all(
        np.array_equal(a, b)
        for a, b in (
            (first.indices, second.indices),
            (first.hard, second.hard),
            (first.weights, second.weights),
        )
    )


def _solution(problem: Problem, found: Descent, places: np.ndarray, scale: float) -> Solution:
    stress = (found.stress - problem.pull_stress(found.y)) / problem.pairs.total
    return Solution(
        places, max(stress, 0.0), found.iterations, found.converged, scale, problem.unsupported
    )
