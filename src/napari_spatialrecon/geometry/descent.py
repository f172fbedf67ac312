"""Descent of the stress: SMACOF's majorisation step, accelerated by L-BFGS."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_spatialrecon.geometry.pairs import Preconditioner
from napari_spatialrecon.progress import Reporter

#: Steps remembered by L-BFGS.
_MEMORY = 8

#: Fractions of the Guttman step, tried in turn; an exact metric needs only the first.
_SHARES = (1.0, 0.5, 0.25)

#: Fraction of the expected decrease in stress that a step must achieve.
_SUFFICIENT = 1e-4


@dataclass(frozen=True, eq=False)
class Descent:
    """Result of a descent.

    Parameters
    ----------
    y : (n, 2) float
        The layout.
    stress
        Its stress, never above that of any earlier step.
    iterations
        Number of steps taken.
    converged
        Whether the next step would be shorter than `shortest`, or no step lowers the stress.
    """

    y: np.ndarray
    stress: float
    iterations: int
    converged: bool


def descend(
    evaluate: Callable[[np.ndarray], tuple[float, np.ndarray]],
    precondition: Preconditioner,
    y: np.ndarray,
    *,
    max_iterations: int,
    shortest: float,
    reporter: Reporter,
) -> Descent:
    """Lower the stress from `y` until the next step's root mean square is below `shortest`.

    L-BFGS (Nocedal 1980, https://doi.org/10.1090/S0025-5718-1980-0572855-7) with SMACOF's metric as
    the initial one, so that a step without memory is the Guttman transform. If the L-BFGS step does
    not lower the stress, the Guttman step is taken instead, shortened if the metric is an estimate.

    Parameters
    ----------
    evaluate
        Returns the stress of a layout and its gradient, which is zero in fixed rows.
    precondition
        Inverse of the metric V of the stress.
    y : (n, 2) float
        Initial layout; not modified.
    max_iterations
        Maximum number of steps.
    shortest
        Tolerance, in the unit of `y`.
    reporter
        Receives the stress of each step; may stop the descent.
    """
    stress, gradient = evaluate(y)
    memory: deque[tuple[np.ndarray, np.ndarray, float]] = deque(maxlen=_MEMORY)
    for iteration in range(1, max_iterations + 1):
        reporter.check()
        step = _direction(gradient, memory, precondition)
        if _length(step) < shortest:
            return Descent(y, stress, iteration - 1, True)
        found = _try(evaluate, y, stress, gradient, step)
        if found is None:
            memory.clear()
            plain = _direction(gradient, memory, precondition)
            tries = (_try(evaluate, y, stress, gradient, share * plain) for share in _SHARES)
            found = next((t for t in tries if t is not None), None)
        if found is None:
            return Descent(y, stress, iteration - 1, True)
        step, stress, after = found
        change = after - gradient
        curvature = float(np.vdot(step, change))
        if curvature > 1e-12 * float(np.linalg.norm(step) * np.linalg.norm(change)):
            memory.append((step, change, curvature))
        y, gradient = y + step, after
        reporter.step(iteration, stress=stress)
    return Descent(y, stress, max_iterations, False)


def _length(step: np.ndarray) -> float:
    return float(np.sqrt((step**2).sum() / len(step)))


def _direction(
    gradient: np.ndarray,
    memory: deque[tuple[np.ndarray, np.ndarray, float]],
    precondition: Preconditioner,
) -> np.ndarray:
    """Return the two-loop product of the inverse Hessian and the gradient, downhill."""
    q, shares = gradient.copy(), []
    for step, change, curvature in reversed(memory):
        shares.append(float(np.vdot(step, q)) / curvature)
        q -= shares[-1] * change
    q = precondition(q) / 2
    for (step, change, curvature), share in zip(memory, reversed(shares), strict=True):
        q += (share - float(np.vdot(change, q)) / curvature) * step
    return -q


def _try(
    evaluate: Callable[[np.ndarray], tuple[float, np.ndarray]],
    y: np.ndarray,
    stress: float,
    gradient: np.ndarray,
    step: np.ndarray,
) -> tuple[np.ndarray, float, np.ndarray] | None:
    """Return the step and the stress and gradient after it; None if the stress does not fall."""
    slope = float(np.vdot(gradient, step))
    if not slope < 0:
        return None
    after, gradient = evaluate(y + step)
    return (step, after, gradient) if after <= stress + _SUFFICIENT * slope else None
