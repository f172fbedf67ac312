from __future__ import annotations

import numpy as np
import pytest

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.procrustes import Pose, fit_pose, flatness, procrustes_error


def pose(angle: float, scale: float = 1.0, flip: bool = False) -> Pose:
    c, s = np.cos(angle), np.sin(angle)
    mirror = np.diag([1.0, -1.0 if flip else 1.0])
    return Pose(scale * np.array([[c, -s], [s, c]]) @ mirror, np.array([3.0, -7.0]))


@pytest.fixture
def layout() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(40, 2)) * [3, 1]


@pytest.mark.parametrize("flip", [False, True])
def test_recovers_a_known_rotation_scale_and_reflection(layout: np.ndarray, flip: bool) -> None:
    known = pose(np.pi / 6, 12.5, flip)
    found = fit_pose(layout, known.apply(layout))
    np.testing.assert_allclose(found.matrix, known.matrix, atol=1e-12)
    assert found.scale == pytest.approx(12.5)
    assert found.reflected is flip


def test_without_reflection_the_layout_is_not_turned_over(layout: np.ndarray) -> None:
    found = fit_pose(layout, pose(0.3, flip=True).apply(layout), reflection=False)
    assert not found.reflected


def test_without_scaling_the_size_stays(layout: np.ndarray) -> None:
    found = fit_pose(layout, pose(0.3, 4.0).apply(layout), scaling=False)
    assert found.scale == pytest.approx(1.0)


def test_a_weight_of_two_counts_as_two_cells(layout: np.ndarray) -> None:
    noisy = pose(1.0).apply(layout) + np.random.default_rng(1).normal(size=layout.shape)
    weights = np.where(np.arange(len(layout)) < 10, 2.0, 1.0)
    twice = fit_pose(np.vstack([layout, layout[:10]]), np.vstack([noisy, noisy[:10]]))
    np.testing.assert_allclose(
        fit_pose(layout, noisy, weights=weights).matrix, twice.matrix, atol=1e-12
    )


def test_a_weight_of_zero_leaves_a_cell_out(layout: np.ndarray) -> None:
    target = pose(1.0).apply(layout)
    target[0] = 1e6
    found = fit_pose(layout, target, weights=(np.arange(len(layout)) > 0).astype(float))
    np.testing.assert_allclose(found.matrix, pose(1.0).matrix, atol=1e-9)


def test_trimming_ignores_a_third_of_wrong_cells(layout: np.ndarray) -> None:
    target = pose(2.0, 5.0).apply(layout)
    target[:13] = np.random.default_rng(2).normal(size=(13, 2)) * 20 + 30
    found = fit_pose(layout, target, trim=0.35)
    np.testing.assert_allclose(found.matrix, pose(2.0, 5.0).matrix, atol=1e-9)
    assert not np.allclose(fit_pose(layout, target).matrix, found.matrix, atol=0.1)


def test_inverse_and_compose_undo_each_other(layout: np.ndarray) -> None:
    first, second = pose(0.4, 2.0), pose(1.4, 0.5, flip=True)
    there = second.compose(first)
    np.testing.assert_allclose(there.apply(layout), second.apply(first.apply(layout)))
    np.testing.assert_allclose(there.inverse().apply(there.apply(layout)), layout)


def test_a_pose_survives_json(layout: np.ndarray) -> None:
    known = pose(0.4, 2.0)
    np.testing.assert_array_equal(Pose.from_dict(known.to_dict()).matrix, known.matrix)
    with pytest.raises(InputError, match="2 x 2"):
        Pose.from_dict({"linear": [1.0], "translation": [0.0, 0.0]})


@pytest.mark.parametrize(
    ("points", "problem"),
    [
        (np.arange(6.0).reshape(3, 2), "on one line"),
        (np.ones((5, 2)), "in one place"),
        (np.eye(2), "at least 3 points"),
        (np.array([[0, 0], [1, 0], [0, np.nan]]), "finite"),
        (np.zeros((3, 3)), "shape"),
    ],
)
def test_points_that_fix_no_pose_are_refused(points: np.ndarray, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        fit_pose(points, points)


def test_two_points_do_when_reflections_are_ruled_out() -> None:
    two = np.array([[0.0, 0.0], [1.0, 0.0]])
    found = fit_pose(two, pose(0.7, 3.0).apply(two), reflection=False)
    np.testing.assert_allclose(found.matrix, pose(0.7, 3.0).matrix, atol=1e-12)


def test_wrong_weights_trim_and_lengths_are_refused(layout: np.ndarray) -> None:
    with pytest.raises(InputError, match="weight"):
        fit_pose(layout, layout, weights=-np.ones(len(layout)))
    with pytest.raises(InputError, match="trimmed share"):
        fit_pose(layout, layout, trim=1.0)
    with pytest.raises(InputError, match="as many"):
        fit_pose(layout, layout[:-1])


def test_the_error_ignores_pose_and_size(layout: np.ndarray) -> None:
    assert procrustes_error(layout, pose(1.0, 40.0, flip=True).apply(layout)) < 1e-12
    shuffled = np.random.default_rng(0).permutation(layout)
    assert 0.3 < procrustes_error(layout, shuffled) <= 1
    with pytest.raises(InputError, match="one place"):
        procrustes_error(layout, np.zeros_like(layout))


def test_flatness_tells_a_line_from_a_plane(layout: np.ndarray) -> None:
    line = flatness(np.outer(np.arange(5.0), [1.0, 2.0]) + 1e4)
    assert line is not None and line < 1e-9
    assert flatness(np.full((4, 2), 3.3)) is None
    plane = flatness(layout)
    assert plane is not None and plane > 0.1
