"""A planar layout whose distances best match given target distances."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.descent import descend
from napari_spatialrecon.progress import Reporter

#: Maximum steps of either descent, and its tolerance as a share of the layout's radius.
_STEPS, _TOLERANCE = 200, 1e-4

#: A start this small relative to the target distances carries no information and is kept.
_ALIKE = 1e-3

#: Cells laid out at a time among the anchors.
_BLOCK = 2048

#: Smoothing of ‖·‖ at 0, as a share of the layout's radius.
_NEAR = 1e-9


@dataclass(frozen=True, eq=False)
class StressLayout:
    """A planar layout that best matches target distances.

    Parameters
    ----------
    places : (n, 2) float
        In an arbitrary pose, near that of the start.
    stress
        ``√(Σ (wanted − ‖y_i − y_a‖)² / Σ wanted²)``: 0 if all distances are matched.
    """

    places: np.ndarray
    stress: float


def along_path(points: np.ndarray, count: int) -> np.ndarray:
    """Return `count` of the points, (n, 2), spread like all of them; all if there are fewer.

    They are taken at regular steps along a path that runs back and forth through strips with equal
    numbers of points, so the choice depends on the positions of the points, not on their order.

    Returns
    -------
    (min(count, n),) int
        In ascending order.

    Examples
    --------
    >>> along_path(np.array([[0.0, 0.0], [0.1, 0.0], [5.0, 1.0], [5.1, 1.0]]), 2)
    array([0, 2])
    """
    n = len(points)
    if n <= count:
        return np.arange(n)
    strips = max(1, round(np.sqrt(count)))
    strip = np.empty(n, np.intp)
    strip[np.lexsort((points[:, 1], points[:, 0]))] = np.arange(n) * strips // n
    path = np.lexsort((np.where(strip % 2, -points[:, 1], points[:, 1]), strip))
    return np.sort(path[np.arange(count) * n // count])


def stress_layout(
    wanted: np.ndarray,
    anchors: np.ndarray,
    start: np.ndarray,
    *,
    reporter: Reporter | None = None,
) -> StressLayout:
    """Return the layout with the least stress ``Σ (wanted − ‖y_i − y_a‖)²``.

    The anchors are laid out first, using all their pairs, then every other cell relative to the
    anchors, so that time and memory are linear in the cells (metric multidimensional scaling by
    majorisation: de Leeuw 1977; see `descend`).

    Parameters
    ----------
    wanted : (n, a) float
        Target distance of each cell to each anchor, symmetric among the anchors and 0 from an
        anchor to itself.
    anchors : (a,) int
        Different cells.
    start : (n, 2) float
        A layout in the unit of the distances; not modified.
    reporter
        Receives the stress; may stop the descent.

    Raises
    ------
    InputError
        Shapes differ, or a number is not finite.

    Examples
    --------
    >>> cells = np.random.default_rng(0).uniform(size=(60, 2))
    >>> wanted = np.linalg.norm(cells[:, None] - cells[:20], axis=2)
    >>> stress_layout(wanted, np.arange(20), cells + 0.05 * cells[::-1]).stress < 0.01
    True
    """
    if start.shape != (len(wanted), 2) or wanted.shape[1:] != anchors.shape:
        raise InputError(
            f"Expected distances (n, a), a anchors and a start (n, 2), "
            f"found shapes {wanted.shape}, {anchors.shape} and {start.shape}."
        )
    if not (np.isfinite(wanted).all() and np.isfinite(start).all()):
        raise InputError("Expected finite distances and a finite start.")
    reporter = reporter or Reporter()
    layout = np.array(start, float)
    radius = float(np.sqrt(start.var(axis=0).sum()))
    if radius <= _ALIKE * float(wanted.mean()) or len(anchors) < 3:
        return _measured(layout, wanted, anchors)
    near, shortest = _NEAR * radius, _TOLERANCE * radius
    others = np.setdiff1d(np.arange(len(layout)), anchors)
    found = descend(
        partial(_among, wanted=wanted[anchors], near=near),
        partial(_inverse_among, count=len(anchors)),
        layout[anchors],
        max_iterations=_STEPS,
        shortest=shortest,
        reporter=reporter,
    )
    layout[anchors] = found.y
    for first in range(0, len(others), _BLOCK):
        cells = others[first : first + _BLOCK]
        found = descend(
            partial(_towards, wanted=wanted[cells], anchors=layout[anchors], near=near),
            lambda residual: residual / len(anchors),
            layout[cells],
            max_iterations=_STEPS,
            shortest=shortest,
            reporter=reporter,
        )
        layout[cells] = found.y
    return _measured(layout, wanted, anchors)


def _among(y: np.ndarray, *, wanted: np.ndarray, near: float) -> tuple[float, np.ndarray]:
    """Return the stress of the anchors' pairs and its gradient."""
    stress, gradient = _towards(y, wanted=wanted, anchors=y, near=near)
    return stress / 2, gradient


def _inverse_among(residual: np.ndarray, *, count: int) -> np.ndarray:
    return (residual - residual.mean(axis=0)) / count


def _towards(
    y: np.ndarray, *, wanted: np.ndarray, anchors: np.ndarray, near: float
) -> tuple[float, np.ndarray]:
    """Return the stress of the pairs of cells and fixed anchors, and its gradient."""
    distance = _distances(y, anchors, near)
    excess = distance - wanted
    stress = float(np.vdot(excess, excess))
    factor = np.divide(excess, distance, out=distance)
    return stress, 2 * (factor.sum(axis=1)[:, None] * y - factor @ anchors)


def _distances(y: np.ndarray, anchors: np.ndarray, near: float) -> np.ndarray:
    square = np.square(y[:, :1] - anchors[:, 0])
    square += np.square(y[:, 1:] - anchors[:, 1])
    square += near**2
    return np.sqrt(square, out=square)


def _measured(layout: np.ndarray, wanted: np.ndarray, anchors: np.ndarray) -> StressLayout:
    lost = total = 0.0
    for first in range(0, len(layout), _BLOCK):
        rows = slice(first, first + _BLOCK)
        off = _distances(layout[rows], layout[anchors], 0.0)
        off -= wanted[rows]
        lost += float(np.vdot(off, off))
        total += float(np.vdot(wanted[rows], wanted[rows]))
    return StressLayout(layout, float(np.sqrt(lost / max(total, 1e-300))))
