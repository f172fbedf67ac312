from __future__ import annotations

import numpy as np

from napari_spatialrecon.geometry.pairs import Anchors
from napari_spatialrecon.geometry.solver.rigid import anchor_stress, repose

RNG = np.random.default_rng(0)
CELLS = RNG.normal(size=(50, 2))


def turned(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return CELLS @ np.array([[c, s], [-s, c]]) + [0.4, -0.2]


def held_by(fixed: list[int], distances_of: np.ndarray) -> Anchors:
    cells = np.setdiff1d(np.arange(50), fixed)
    rows, ends = np.repeat(cells, len(fixed)), np.tile(fixed, len(cells))
    gaps = np.linalg.norm(distances_of[rows] - distances_of[ends], axis=1)
    return Anchors(rows, ends, gaps, np.ones(len(rows)))


def test_a_turned_layout_settles_around_its_fixed_cells() -> None:
    fixed = [0, 1, 2]
    parts = np.zeros(50, int)
    parts[fixed] = -1
    start = turned(0.8)
    start[fixed] = CELLS[fixed]
    found = repose(start, CELLS, held_by(fixed, CELLS), parts, shortest=1e-9)
    np.testing.assert_allclose(found, CELLS, atol=1e-3)
    np.testing.assert_array_equal(found[fixed], CELLS[fixed])


def test_soft_landmarks_draw_the_layout_to_their_points() -> None:
    soft = np.arange(3)
    anchors = Anchors(soft, soft, np.zeros(3), np.full(3, 5.0))
    found = repose(turned(1.2), CELLS, anchors, np.zeros(50, int), shortest=1e-9)
    np.testing.assert_allclose(found, CELLS, atol=1e-6)


def test_the_anchor_stress_never_rises_and_the_shape_stays() -> None:
    fixed = [0, 1, 2]
    parts = np.zeros(50, int)
    parts[fixed] = -1
    anchors = held_by(fixed, RNG.normal(size=(50, 2)))
    found = repose(CELLS, CELLS, anchors, parts, shortest=1e-9)
    assert anchor_stress(found, CELLS, anchors) < anchor_stress(CELLS, CELLS, anchors)
    np.testing.assert_allclose(
        np.linalg.norm(found[3:20] - found[20:37], axis=1),
        np.linalg.norm(CELLS[3:20] - CELLS[20:37], axis=1),
    )
