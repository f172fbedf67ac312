"""Rigid moves of a layout to fit its fixed points."""

from __future__ import annotations

import numpy as np

from napari_spatialrecon.geometry.pairs import Anchors

#: Maximum number of rounds of a rigid move.
_ROUNDS = 30


def anchor_stress(y: np.ndarray, points: np.ndarray, anchors: Anchors) -> float:
    """Return ``Σ w (‖y_i − p‖ − δ)²`` over the anchors; arguments as in `repose`."""
    distances = np.linalg.norm(y[anchors.cells] - points[anchors.fixed], axis=1)
    return float(anchors.weights @ (distances - anchors.distances) ** 2)


def repose(
    y: np.ndarray, points: np.ndarray, anchors: Anchors, parts: np.ndarray, *, shortest: float
) -> np.ndarray:
    """Return `y` with each part rotated and translated as a whole to fit its anchors.

    A few landmarks among thousands of cells hardly change the shape of the layout, but they alone
    determine its pose, which descent of the stress changes only slowly. Each round is a Newton step
    in rotation and translation or, if that fails, a fit to the points at the target distances in
    the current directions (a majorisation): the stress never rises.

    Parameters
    ----------
    y : (n, 2) float
        Layout; not modified.
    points : (n, 2) float
        Positions of the fixed cells, and targets of the others.
    anchors
        Pairs of moving and fixed cells. A cell paired with itself is pulled to its point.
    parts : (n,) int
        Cells with the same label move together; those labelled -1 are fixed.
    shortest
        Tolerance: translation plus rotation of a round, in the unit of `y`.
    """
    y = y.copy()
    labels = parts[anchors.cells]
    for part in np.unique(labels):
        turn, shift = _settle(y, points, anchors, labels == part, shortest)
        moving = parts == part
        z = turn * (y[moving, 0] + 1j * y[moving, 1]) + shift
        y[moving] = np.column_stack([z.real, z.imag])
    return y


def _settle(
    y: np.ndarray, points: np.ndarray, anchors: Anchors, chosen: np.ndarray, shortest: float
) -> tuple[complex, complex]:
    """Return the rotation and translation of one part, ``turn * z + shift`` in complex numbers."""
    layout, aims = y[:, 0] + 1j * y[:, 1], points[:, 0] + 1j * points[:, 1]
    start, fixed = layout[anchors.cells[chosen]], aims[anchors.fixed[chosen]]
    wanted, share = anchors.distances[chosen], anchors.weights[chosen]
    share = share / share.sum()
    centre = complex(share @ start)
    start = start - centre
    radius = float(np.sqrt(share @ np.abs(start) ** 2))

    turn, shift = 1 + 0j, centre
    offset = start + shift - fixed
    stress = share @ (np.abs(offset) - wanted) ** 2
    for _ in range(_ROUNDS):
        before = turn, shift
        for step in (_newton, _majorise):
            turn, shift = step(offset, turn * start, fixed, wanted, share)
            turn, shift = turn * before[0], shift + before[1]
            moved = turn * start + shift - fixed
            after = share @ (np.abs(moved) - wanted) ** 2
            if after < stress:
                break
        else:
            turn, shift = before
            break
        offset, stress = moved, after
        if abs(turn - before[0]) * radius + abs(shift - before[1]) < shortest:
            break
    return turn, shift - turn * centre


def _newton(
    offset: np.ndarray, arm: np.ndarray, fixed: np.ndarray, wanted: np.ndarray, share: np.ndarray
) -> tuple[complex, complex]:
    """Return rotation and translation of a Newton step, with the convex part of the curvature."""
    distance = np.maximum(np.abs(offset), 1e-300)
    along = offset / distance
    bend = np.maximum(1 - wanted / distance, 0)
    curvature, slope = np.zeros((3, 3)), np.zeros(3)
    for direction, weight in ((along, share), (1j * along, share * bend)):
        rows = np.stack([(direction.conj() * 1j * arm).real, direction.real, direction.imag])
        curvature += (rows * weight) @ rows.T
        if direction is along:
            slope = rows @ (share * (distance - wanted))
    spin, x, y = np.linalg.lstsq(curvature, -slope, rcond=1e-12)[0]
    return complex(np.exp(1j * spin)), complex(x, y)


def _majorise(
    offset: np.ndarray, arm: np.ndarray, fixed: np.ndarray, wanted: np.ndarray, share: np.ndarray
) -> tuple[complex, complex]:
    """Return the fit to the points at the target distances in the current directions."""
    centre = share @ (offset + fixed)
    target = fixed + wanted / np.maximum(np.abs(offset), 1e-300) * offset
    towards = complex((share * arm.conj()) @ target)
    turn = towards / abs(towards) if abs(towards) > 0 else 1 + 0j
    return turn, complex(share @ target - centre)
