"""One layout from several."""

from __future__ import annotations

import numpy as np
import pytest

from napari_spatialrecon.geometry.procrustes import procrustes_error
from napari_spatialrecon.methods.consensus import lay_over, mean_layout


@pytest.fixture
def layouts():
    """The same points in four poses, with noise on the first ten."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(60, 2))
    result = []
    for angle, flip in ((0, 1), (1, 1), (2, -1), (3, -1)):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        noise = np.zeros((60, 2))
        noise[:10] = rng.normal(size=(10, 2))
        result.append((points + noise) @ (turn * [1, flip]) + rng.normal(size=2))
    return points, result


def test_layouts_in_any_pose_are_laid_over_one_another(layouts):
    points, made = layouts
    mean, spread = mean_layout(made)
    assert procrustes_error(points[10:], mean[10:]) < 0.02
    assert spread[10:].max() < 0.25 * np.median(spread[:10])


def test_one_layout_is_its_own_mean(layouts):
    _, made = layouts
    mean, spread = mean_layout(made[:1])
    np.testing.assert_allclose(mean, made[0] - made[0].mean(axis=0))
    assert (spread == 0).all()


def test_a_layout_keeps_its_size_when_it_is_laid_over_places(layouts):
    points, made = layouts
    placed = lay_over(3 * made[2][10:], points[10:]).apply(3 * made[2][10:])
    assert np.isclose(np.ptp(placed), np.ptp(3 * points[10:]), rtol=0.2)
    assert np.corrcoef(placed[:, 0], points[10:, 0])[0, 1] > 0.999


def test_a_single_cell_is_shifted_to_its_place():
    pose = lay_over(np.zeros((1, 2)), np.array([[4.0, 2.0]]), weights=np.ones(1))
    np.testing.assert_allclose(pose.apply(np.zeros((1, 2))), [[4, 2]])
