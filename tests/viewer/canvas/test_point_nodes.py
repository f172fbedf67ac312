from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_spatialrecon.viewer.canvas.point_nodes import (
    drawers,
    move_points,
    move_vectors,
    set_standing_out,
)

RNG = np.random.default_rng(0)
BEFORE, AFTER = RNG.uniform(0, 100, (2, 40, 2))


@pytest.fixture
def viewer(make_napari_viewer: Any) -> Any:
    """Shows a frame of 100 by 100 that nothing moves."""
    made = make_napari_viewer(show=True)
    made.add_image(np.zeros((100, 100), np.uint8))
    return made


def seen(viewer: Any) -> np.ndarray:
    return np.asarray(viewer.screenshot(flash=False))[..., :3].astype(int)


def test_moved_points_look_as_if_their_data_had_been_set(viewer: Any) -> None:
    kwargs = {"size": 8, "border_width": 0, "features": {"number": list(map(str, range(40)))}}
    layer = viewer.add_points(BEFORE, face_color="yellow", text="number", **kwargs)
    before = seen(viewer)
    move_points(layer, AFTER)
    moved = seen(viewer)
    layer.data = AFTER
    whole = seen(viewer)
    assert np.abs(moved - whole).mean() < 0.02 * np.abs(before - whole).mean()
    np.testing.assert_array_equal(layer.get_value(AFTER[7]), 7)


def test_moved_lines_look_as_if_their_data_had_been_set(viewer: Any) -> None:
    def lines(points: np.ndarray) -> np.ndarray:
        return np.stack([points, 50 - points], axis=1)

    layer = viewer.add_vectors(lines(BEFORE), edge_width=2, vector_style="line")
    before = seen(viewer)
    move_vectors(layer, lines(AFTER))
    moved = seen(viewer)
    layer.data = lines(AFTER)
    whole = seen(viewer)
    assert np.abs(moved - whole).mean() < 0.02 * np.abs(before - whole).mean()


def test_lines_that_move_before_they_are_drawn_are_drawn_where_they_went(viewer: Any) -> None:
    def lines(starts: np.ndarray) -> np.ndarray:
        return np.stack([starts, np.full_like(starts, 5.0)], axis=1)

    layer = viewer.add_vectors(lines(BEFORE), edge_width=2, vector_style="line")
    layer.edge_color = "yellow"
    move_vectors(layer, lines(AFTER))
    moved = seen(viewer)
    layer.data = lines(AFTER)
    assert np.abs(moved - seen(viewer)).max() == 0


def test_a_hidden_layer_shows_its_new_places_once_it_is_shown(viewer: Any) -> None:
    layer = viewer.add_points(BEFORE, size=8, face_color="yellow", border_width=0)
    layer.visible = False
    move_points(layer, AFTER)
    layer.visible = True
    shown = seen(viewer)
    layer.data = AFTER
    assert np.abs(shown - seen(viewer)).max() == 0


def test_points_that_stand_back_stay_faint_whatever_is_drawn_anew(viewer: Any) -> None:
    places = np.array([[30.0, 30.0], [30.0, 70.0], [70.0, 30.0], [70.0, 70.0]])
    layer = viewer.add_points(places, face_color="white", size=20, border_width=0)

    def bright() -> list[int]:
        drawn = seen(viewer).max(axis=-1)
        height, width = drawn.shape
        scale = viewer.scene.camera.zoom
        at = (places - np.asarray(viewer.scene.camera.center)[-2:]) * scale
        rows, columns = (np.array([height, width]) / 2 + at).astype(int).T
        return drawn[rows, columns].tolist()

    before = bright()
    assert min(before) > 200
    set_standing_out(layer, np.array([1]))
    (drawer,) = drawers(layer)
    drawer.node.points_markers.events.data_updated.ignore_callback_errors = False
    for change in ({"size": 18}, {"border_width": 0.1}, {"data": places.copy()}):
        (name, value) = next(iter(change.items()))
        setattr(layer, name, value)
        now = bright()
        assert now[1] > 200 and max(now[0], now[2], now[3]) < 100, name
    assert (np.asarray(layer.face_color)[:, 3] == 1).all(), "its colors stay"
    set_standing_out(layer, None)
    layer.border_width = 0
    assert min(bright()) > 200
