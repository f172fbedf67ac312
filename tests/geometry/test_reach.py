"""Points beyond the reach of a slide's spots."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from napari_spatialrecon.geometry.reach import within_reach

GRID = np.stack(np.meshgrid(np.arange(12.0), np.arange(8.0)), axis=-1).reshape(-1, 2)
INSIDE = np.random.default_rng(0).uniform((0, 0), (11, 7), size=(95, 2))
STRAY = np.array([[14.0, 3.0], [-4.0, -4.0], [5.0, 8.1], [11.0, 8.0]])


def test_stray_points_are_moved_to_the_rim_and_the_others_stay() -> None:
    points = np.vstack([INSIDE, STRAY])
    found = within_reach(points, [GRID])
    np.testing.assert_array_equal(found[:95], INSIDE)
    np.testing.assert_allclose(found[95], [12, 3], atol=1e-5)
    np.testing.assert_allclose(found[96], [-(0.5**0.5), -(0.5**0.5)], atol=1e-5)
    np.testing.assert_allclose(found[97], [5, 8], atol=1e-5)
    np.testing.assert_array_equal(found[98], STRAY[3])
    assert (cKDTree(GRID).query(found)[0] <= 1).all()
    np.testing.assert_array_equal(points[95:], STRAY)


def test_the_widest_pitch_of_several_slides_counts() -> None:
    points = np.vstack([INSIDE, [[13.5, 3.0]]])
    assert within_reach(points, [GRID])[-1, 0] == pytest.approx(12, abs=1e-4)
    wide = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])
    np.testing.assert_array_equal(within_reach(points, [GRID, wide]), points)


def test_where_many_lie_beyond_all_stay() -> None:
    points = np.vstack([INSIDE[:30], STRAY + 20])
    np.testing.assert_array_equal(within_reach(points, [GRID]), points)


def test_a_slide_of_one_spot_and_spots_that_coincide_move_nothing_or_stay_finite() -> None:
    np.testing.assert_array_equal(within_reach(INSIDE, [GRID[:1]]), INSIDE)
    assert np.isfinite(within_reach(INSIDE, [np.zeros((5, 2)), GRID])).all()
