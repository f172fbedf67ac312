from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_spatialrecon.viewer.canvas import detail
from napari_spatialrecon.viewer.canvas.colors import set_point_colors
from napari_spatialrecon.viewer.canvas.detail import details, keep_smooth
from napari_spatialrecon.viewer.canvas.point_nodes import drawers, show_points

N = 3_000


@pytest.fixture
def slow(make_napari_viewer: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """A window in which a frame has time for 100 points, and 3,000 of them."""
    monkeypatch.setattr(detail, "LEAST", 100)
    viewer = make_napari_viewer(show=True)
    keep_smooth(viewer)
    layer = viewer.add_points(np.random.default_rng(0).uniform(0, 1000, (N, 2)), size=4)
    qtbot.waitUntil(lambda: details[viewer]._second_per_point is not None)
    monkeypatch.setattr(detail, "FRAME_S", 1e-9)
    return viewer, layer


def drag(viewer: Any, qtbot: Any) -> None:
    canvas = viewer.window._qt_viewer.canvas.native
    at = canvas.rect().center()
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    for step in range(1, 4):
        QTest.mouseMove(canvas, at + QPoint(3 * step, 0))
        canvas.update()
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)


def test_dragging_draws_a_part_and_rest_draws_all(slow: tuple, qtbot: Any) -> None:
    viewer, layer = slow
    features, data = layer.features, layer.data
    layer.selected_data = {5}
    drag(viewer, qtbot)
    qtbot.waitUntil(lambda: details[viewer].drawn < N)
    assert 0 < details[viewer].drawn < 300
    assert layer.features is features and layer.data is data and layer.shown.all()
    assert set(layer.selected_data) == {5}
    qtbot.waitUntil(lambda: details[viewer].drawn == N)
    assert drawers(layer)[0].node.points_markers.antialias == layer.antialiasing


def test_a_frame_that_shows_a_subset_says_so(slow: tuple, qtbot: Any) -> None:
    viewer, _ = slow
    notice = details[viewer].notice
    assert not notice.isVisible()
    drag(viewer, qtbot)
    qtbot.waitUntil(notice.isVisible)
    share = details[viewer].drawn / N
    assert notice.text().startswith("Drawing 1 of ") and share < 0.2
    assert abs(int(notice.text().split()[3]) * share - 1) < 0.5
    qtbot.waitUntil(lambda: details[viewer].drawn == N)
    qtbot.waitUntil(lambda: not notice.isVisible())


def test_moving_the_camera_from_a_script_leaves_nothing_out(slow: tuple, qtbot: Any) -> None:
    viewer, _ = slow
    viewer.scene.camera.zoom *= 2
    viewer.screenshot(flash=False)
    assert details[viewer].drawn == N


def test_a_recoloring_meanwhile_draws_all_in_the_new_colors(slow: tuple, qtbot: Any) -> None:
    viewer, layer = slow
    drag(viewer, qtbot)
    qtbot.waitUntil(lambda: details[viewer].drawn < N)
    set_point_colors(layer, np.arange(float(N)))
    assert details[viewer].drawn == N
    markers = drawers(layer)[0].node.points_markers
    np.testing.assert_allclose(markers._data["a_bg_color"], layer.face_color)


def test_the_part_is_the_same_each_time() -> None:
    assert np.array_equal(detail._lot(50), np.random.default_rng(0).random(50, np.float32))


@pytest.mark.parametrize("shown", [slice(None), slice(0, 4)])
def test_colors_are_drawn_as_napari_would(
    make_napari_viewer: Any, qtbot: Any, shown: slice
) -> None:
    viewer = make_napari_viewer()
    layer = viewer.add_points(np.arange(12.0).reshape(6, 2))
    mask = np.zeros(6, bool)
    mask[shown] = True
    show_points(layer, mask)
    set_point_colors(layer, np.arange(6.0))
    drawer = drawers(layer)[0]
    quick = drawer.node.points_markers._data.copy()
    drawer._on_data_change()
    assert np.array_equal(quick, drawer.node.points_markers._data)


def test_hidden_points_are_neither_drawn_nor_picked(make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer()
    layer = viewer.add_points([[0.0, 0.0], [0.0, 9.0], [9.0, 0.0]], size=[1, 2, 3])
    markers = drawers(layer)[0].node.points_markers
    show_points(layer, np.array([False, True, True]))
    assert markers._data["a_size"].tolist() == [2, 3]
    assert layer.get_value((0.0, 0.0)) is None and layer.get_value((0.0, 9.0)) == 1
    layer.data = np.vstack([layer.data, [[20.0, 20.0]]])
    assert len(markers._data) == 3
    show_points(layer, np.zeros(4, bool))
    assert layer.get_value((9.0, 0.0)) is None
    show_points(layer, np.ones(4, bool))
    assert len(markers._data) == 4 and layer.get_value((0.0, 0.0)) == 0


def test_a_layer_without_a_window_is_colored_too() -> None:
    from napari.layers import Points

    layer = Points(np.zeros((3, 2)))
    assert drawers(layer) == []
    told: list[Any] = []
    layer.events.face_color.connect(told.append)
    set_point_colors(layer, np.arange(3.0))
    assert len(told) == 1
