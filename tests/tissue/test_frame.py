"""The common frame of slides in their own units and poses."""

from __future__ import annotations

import numpy as np
import pytest

from napari_spatialrecon.tissue.frame import ReferenceFrame


@pytest.fixture
def slides():
    rng = np.random.default_rng(0)
    return [rng.normal([50, 20], [30, 10], (40, 2)), rng.normal([900, 0], [60, 20], (25, 2))]


@pytest.fixture
def frame(slides):
    return ReferenceFrame.of(slides, [2.0, 0.5])


def test_slides_are_centred_and_have_one_pooled_radius(slides, frame):
    places = [frame.normalise(p, i) for i, p in enumerate(slides)]
    for points in places:
        np.testing.assert_allclose(points.mean(axis=0), 0, atol=1e-12)
    pooled = np.concatenate(places)
    assert np.isclose((pooled**2).sum(axis=1).mean(), 1)


def test_one_scale_keeps_the_shape_and_the_units(slides, frame):
    """A distance in µm is the same in the frame, whichever slide it was measured on."""
    for i, points in enumerate(slides):
        before = np.linalg.norm(points[0] - points[1]) * frame.scales[i]
        placed = frame.normalise(points, i)
        assert np.isclose(np.linalg.norm(placed[0] - placed[1]) * frame.radius, before)


def test_places_come_back_to_the_slide(slides, frame):
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = frame.turned(np.stack([turn, turn @ np.diag([1, -1])]))
    for i, points in enumerate(slides):
        for each in (frame, turned):
            np.testing.assert_allclose(each.restore(each.normalise(points, i), i), points)
    assert not np.allclose(turned.normalise(slides[1], 1), frame.normalise(slides[1], 1))


def test_the_pose_lays_the_frame_on_the_slide(slides, frame):
    turned = frame.turned(np.stack([np.eye(2), np.array([[0.0, -1.0], [1.0, 0.0]])]))
    layout = turned.normalise(slides[1], 1) * turned.radius_on(1)
    np.testing.assert_allclose(turned.pose_on(1).apply(layout), slides[1])


def test_turns_add_up(frame):
    quarter = np.tile(np.array([[0.0, -1.0], [1.0, 0.0]]), (2, 1, 1))
    half = frame.turned(quarter).turned(quarter)
    np.testing.assert_allclose(half.turns, np.tile(-np.eye(2), (2, 1, 1)))
