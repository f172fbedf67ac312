from __future__ import annotations

import gc
from itertools import product
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QCursor
from qtpy.QtTest import QTest

from napari_spatialrecon.viewer.canvas import detail
from napari_spatialrecon.viewer.canvas.collector import COLLECT_MS, LATE_MS, LONG_S, WORK_S
from napari_spatialrecon.viewer.canvas.colors import set_point_colors
from napari_spatialrecon.viewer.canvas.detail import Detail, details, keep_smooth
from napari_spatialrecon.viewer.canvas.drawn import lot
from napari_spatialrecon.viewer.canvas.many_points import is_lean, places_stay
from napari_spatialrecon.viewer.canvas.point_nodes import drawers, set_standing_out, show_points
from napari_spatialrecon.viewer.session.keeper import keeper_of
from napari_spatialrecon.viewer.window import garbage, turns

N = 3_000


@pytest.fixture
def slow(make_napari_viewer: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """A window in which a frame has time for 100 points, and 3,000 of them."""
    monkeypatch.setattr(detail, "LEAST", 100)
    viewer = make_napari_viewer(show=True)
    keep_smooth(viewer)
    rng = np.random.default_rng(0)
    sizes = rng.uniform(4, 5, N)  # no picture shows points of different sizes
    layer = viewer.add_points(rng.uniform(0, 1000, (N, 2)), size=sizes)
    qtbot.waitUntil(lambda: details[viewer]._second_per_point is not None)
    monkeypatch.setattr(detail, "FRAME_S", 1e-9)
    monkeypatch.setattr(detail, "REST_S", 1e9)
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


def test_the_first_frame_of_many_points_leaves_them_to_the_next(
    make_napari_viewer: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detail, "LEAST", 100)
    monkeypatch.setattr(detail, "AT_ONCE", N - 1)
    viewer = make_napari_viewer(show=True)
    keep_smooth(viewer)
    monkeypatch.setattr(Detail, "_time_for", lambda self: 1000.0)
    frames: list[list[bool]] = []

    def shown(event: object) -> None:
        frames.append([details[viewer].picture_of(one) is not None for one in viewer.layers])

    viewer.window._qt_viewer.canvas._scene_canvas.events.draw.connect(shown, position="last")
    viewer.add_points(np.random.default_rng(0).uniform(0, 1000, (N, 2)), size=5)
    qtbot.waitUntil(lambda: frames[-1:] == [[True]])
    assert [False] in frames
    other = viewer.add_points(np.random.default_rng(1).uniform(0, 1000, (N, 2)), size=5)
    viewer.screenshot(flash=False)
    assert details[viewer].picture_of(other) is not None


def test_the_part_is_the_same_each_time() -> None:
    assert np.array_equal(lot(50), np.random.default_rng(0).random(50, np.float32))


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


# Pictures, and layers of many points

MANY = 12_000


@pytest.fixture
def crowd(make_napari_viewer: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """A window in which a frame has time for 2,000 points, and more of them, all alike."""
    monkeypatch.setattr(detail, "FRAME_S", 1e-9)
    monkeypatch.setattr(detail, "REST_S", 1e-9)
    viewer = make_napari_viewer(show=True)
    keep_smooth(viewer)
    places = np.random.default_rng(0).uniform(0, 1000, (MANY, 2))
    monkeypatch.setattr(Detail, "_time_for", lambda self: detail.LEAST)
    layer = viewer.add_points(places, size=4, border_width=0, face_color="yellow")
    qtbot.waitUntil(lambda: details[viewer].picture_of(layer) is not None)
    return viewer, layer


def seen(viewer: Any) -> np.ndarray:
    return np.asarray(viewer.screenshot(flash=False))[..., :3].astype(int)


def test_more_points_than_there_is_time_for_are_all_shown_as_a_picture(crowd: tuple) -> None:
    viewer, layer = crowd
    picture = details[viewer].picture_of(layer)
    assert picture is not None and picture.discs is not None
    assert not details[viewer].notice.isVisible() and details[viewer].drawn == MANY
    assert len(drawers(layer)[0].node.points_markers._data) == 1  # none is uploaded
    as_picture = seen(viewer)
    layer.size = np.random.default_rng(0).uniform(3.99, 4.01, MANY)  # one by one, in a screenshot
    one_by_one = seen(viewer)
    assert details[viewer].picture_of(layer) is None
    agree = {}
    for down, across in product((-1, 0, 1), repeat=2):
        moved = np.roll(as_picture, (down, across), axis=(0, 1))
        agree[down, across] = np.corrcoef(moved.ravel(), one_by_one.ravel())[0, 1]
    assert max(agree, key=agree.__getitem__) == (0, 0) and agree[0, 0] > 0.6
    assert 0.7 < as_picture.mean() / one_by_one.mean() < 1.4


def test_zoomed_in_all_points_in_view_are_drawn_one_by_one(crowd: tuple, qtbot: Any) -> None:
    viewer, layer = crowd
    viewer.scene.camera.zoom *= 8
    qtbot.waitUntil(lambda: details[viewer].picture_of(layer) is None)
    markers = drawers(layer)[0].node.points_markers
    y, x = np.asarray(layer.data).T
    (low_y, low_x), (high_y, high_x) = viewer.window._qt_viewer.canvas._viewbox_corners_in_world
    in_view = (y > low_y) & (y < high_y) & (x > low_x) & (x < high_x)
    drawn = {tuple(p) for p in markers._data["a_position"][:, :2].round(2)}
    assert {tuple(p) for p in np.column_stack([x, y])[in_view].astype(np.float32).round(2)} <= drawn
    assert in_view.sum() <= len(drawn) < detail.LEAST and not details[viewer].notice.isVisible()
    layer.face_color = "red"
    viewer.window._qt_viewer.canvas.screenshot()
    np.testing.assert_allclose(markers._data["a_bg_color"][0], (1, 0, 0, 1))


def test_a_crowd_just_out_of_view_is_not_drawn(crowd: tuple, qtbot: Any) -> None:
    viewer, layer = crowd
    (_, low), (_, high) = viewer.window._qt_viewer.canvas._viewbox_corners_in_world
    viewer.camera.center = (500.0, 10 - (high - low) / 2)  # up to x = 10, the margin to 260 or more
    qtbot.waitUntil(lambda: details[viewer].picture_of(layer) is None)
    x = np.asarray(layer.data)[:, 1]
    assert details[viewer].drawn == (x < 10).sum() > 0
    viewer.camera.center = (500.0, 500.0)
    qtbot.waitUntil(lambda: details[viewer].drawn == MANY)


def test_new_colors_paint_the_same_picture_anew(crowd: tuple, qtbot: Any) -> None:
    viewer, layer = crowd
    picture = details[viewer].picture_of(layer)
    discs, before = picture.discs, seen(viewer)
    set_point_colors(layer, np.arange(float(MANY)))
    qtbot.waitUntil(lambda: np.abs(seen(viewer) - before).mean() > 1)
    assert details[viewer].picture_of(layer) is picture and picture.discs is discs


def test_hidden_points_are_not_in_the_picture(crowd: tuple, qtbot: Any) -> None:
    viewer, layer = crowd
    show_points(layer, np.asarray(layer.data)[:, 1] > 500)
    image = seen(viewer).any(axis=-1)
    half = image.shape[1] // 2
    assert not image[:, : half - 5].any() and image[:, half + 5 :].any()
    layer.visible = False
    assert not seen(viewer).any()


def test_dragging_keeps_the_picture_and_says_nothing(crowd: tuple, qtbot: Any) -> None:
    viewer, layer = crowd
    discs, frames = details[viewer].picture_of(layer).discs, []
    scene = details[viewer]._canvas._scene_canvas
    scene.events.draw.connect(lambda event: frames.append(details[viewer].moving), position="last")
    drag(viewer, qtbot)
    qtbot.waitUntil(lambda: any(frames))
    assert details[viewer].picture_of(layer).discs is discs
    assert details[viewer].drawn == MANY and not details[viewer].notice.isVisible()


def test_a_picture_follows_its_layer(crowd: tuple, qtbot: Any) -> None:
    viewer, layer = crowd
    nodes = viewer.window._qt_viewer.canvas.view.scene.children
    n = len(nodes)
    layer.translate = (0, 500)
    image = seen(viewer).any(axis=-1)
    assert not image[:, : image.shape[1] // 2 - 5].any()
    layer.opacity = 0.5
    assert 100 < seen(viewer).max() < 150
    viewer.layers.remove(layer)
    assert len(viewer.window._qt_viewer.canvas.view.scene.children) == n - 2


def test_a_subset_at_rest_says_so_and_a_screenshot_has_all(crowd: tuple, qtbot: Any) -> None:
    viewer, layer = crowd
    layer.size = np.random.default_rng(0).uniform(3, 4, MANY)
    notice, one = details[viewer].notice, details[viewer]
    qtbot.waitUntil(notice.isVisible)
    assert notice.text() == "Drawing 1 of 6 points: zoom in for all"
    assert 0.8 < one.drawn / detail.LEAST < 1.2
    uploaded: list[int] = []
    one._canvas._scene_canvas.events.draw.connect(
        lambda event: uploaded.append(one.drawn), position="last"
    )
    seen(viewer)
    assert MANY in uploaded
    one._canvas._scene_canvas.update()
    qtbot.waitUntil(lambda: one.drawn < MANY)


def test_points_stand_out_in_a_picture_too(crowd: tuple) -> None:
    viewer, layer = crowd
    set_standing_out(layer, np.flatnonzero(np.asarray(layer.data)[:, 1] < 500))
    image = seen(viewer).max(axis=-1)
    half = image.shape[1] // 2
    assert image[:, : half - 5].max() > 200 and 0 < image[:, half + 5 :].max() < 100
    viewer.scene.camera.zoom *= 8
    faint = seen(viewer).max(axis=-1)[:, half + 20 :]
    assert details[viewer].picture_of(layer) is None and 0 < faint.max() < 150
    set_standing_out(layer, None)
    assert seen(viewer).max(axis=-1)[:, half + 20 :].max() > 200


def test_without_a_bounded_view_napari_uploads_many_points(make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer()
    layer = viewer.add_points(np.random.default_rng(0).uniform(0, 1000, (MANY, 2)))
    assert len(drawers(layer)[0].node.points_markers._data) == MANY


def test_the_extent_of_many_points_is_that_of_all(crowd: tuple) -> None:
    layer = crowd[1]
    low, high = layer.data.min(axis=0), layer.data.max(axis=0)
    assert is_lean(layer) and np.array_equal(layer._extent_data, [low, high])


def test_the_extent_of_many_points_is_measured_once_while_their_places_stay(crowd: tuple) -> None:
    layer = crowd[1]
    with places_stay():
        before = layer._extent_data
        layer.data[0] += 1e6  # in its array: not seen meanwhile
        assert np.array_equal(layer._extent_data, before)
        layer.data = layer.data + 5.0
        assert layer._extent_data[1].max() > 1e6
    layer.data[0] += 1e6
    assert layer._extent_data[1].max() > 2e6


@pytest.fixture
def canvas(crowd: tuple, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What napari draws on, where the crowd is many."""
    monkeypatch.setattr(detail, "MANY", MANY - 1)
    return crowd[0].window._qt_viewer.canvas.native


def test_the_frame_without_many_points_comes_in_a_turn_after_their_removal(
    crowd: tuple, canvas: Any, qtbot: Any
) -> None:
    viewer, layer = crowd
    few = viewer.add_points(np.zeros((3, 2)))
    viewer.layers.remove(few)
    assert canvas.updatesEnabled()
    viewer.layers.remove(layer)
    assert not canvas.updatesEnabled()
    qtbot.waitUntil(canvas.updatesEnabled)


def test_the_frame_of_new_looks_of_many_points_comes_in_a_turn_after_them(
    crowd: tuple, canvas: Any, qtbot: Any
) -> None:
    viewer, layer = crowd
    few = viewer.add_points(np.zeros((3, 2)))
    for each, drawn in ((few, True), (layer, False)):
        set_point_colors(each, np.arange(float(len(each.data))))
        assert canvas.updatesEnabled() is drawn
    qtbot.waitUntil(canvas.updatesEnabled)
    set_standing_out(layer, np.arange(3))
    assert not canvas.updatesEnabled()
    qtbot.waitUntil(canvas.updatesEnabled)


def test_memory_of_removed_layers_is_freed_once_the_view_rests(
    crowd: tuple, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, layer = crowd[0], crowd[1]
    looked: list[int] = []
    monkeypatch.setattr(gc, "collect", lambda *_: looked.append(gc.get_freeze_count()))
    viewer.layers.remove(layer)
    assert not looked, "napari had all objects to look through"
    kept = details[viewer]
    assert kept.collector.waiting
    kept.collector._timer.setInterval(0)
    qtbot.waitUntil(lambda: bool(looked))
    assert not kept.collector.waiting


def test_memory_of_removed_layers_waits_for_work_and_steps_but_not_for_good(
    crowd: tuple, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, kept = crowd[0], details[crowd[0]].collector
    looked: list[int] = []
    monkeypatch.setattr(detail, "MANY", MANY - 1)
    monkeypatch.setattr(garbage, "_is_due", lambda: True)
    monkeypatch.setattr(gc, "collect", lambda *_: looked.append(1))
    viewer.layers.remove(crowd[1])
    assert turns.are_running()
    kept._free()
    assert not looked and kept.waiting, "the frame without the layer is yet to come"
    qtbot.waitUntil(lambda: not turns.are_running())
    monkeypatch.setattr(garbage, "_works", 1)
    for search in (kept._free, kept._look):
        search()
        assert not looked and kept.waiting
    kept._since -= WORK_S
    kept._free()
    assert looked and not kept._removed


def test_memory_of_layers_as_old_as_modules_is_freed_after_a_longer_rest(
    crowd: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, kept = crowd[0], details[crowd[0]].collector
    young, old = viewer.add_points(np.zeros((3, 2))), viewer.add_points(np.zeros((3, 2)))
    viewer.layers.remove(young)
    assert kept._timer.interval() == COLLECT_MS
    monkeypatch.setattr(garbage, "_times", garbage.age() + 1)
    viewer.layers.remove(old)
    assert kept._timer.interval() == LATE_MS


def test_old_layers_wait_for_a_mouse_that_moves_and_longer_for_work(
    crowd: tuple, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, kept = crowd[0], details[crowd[0]].collector
    freed: list[int] = []
    old = viewer.add_points(np.zeros((3, 2)))
    qtbot.waitUntil(lambda: not turns.are_running())
    monkeypatch.setattr(garbage, "free", freed.append)
    monkeypatch.setattr(garbage, "_times", garbage.age() + 1)
    QCursor.setPos(100, 100)
    viewer.layers.remove(old)
    QCursor.setPos(120, 100)
    kept._free()
    assert not freed and kept._timer.interval() == LATE_MS, "the hand moved meanwhile"
    monkeypatch.setattr(garbage, "_works", 1)
    kept._since -= WORK_S
    kept._free()
    assert not freed and kept.waiting, "a run goes on, for which younger layers wait no longer"
    kept._since -= LONG_S
    QCursor.setPos(100, 100)
    kept._free()
    assert not freed and kept._timer.interval() == COLLECT_MS, "a short rest is enough by now"
    kept._free()
    assert len(freed) == 1 and not kept._removed


def test_a_closed_window_is_let_go(make_napari_viewer: Any, qtbot: Any) -> None:
    viewer = make_napari_viewer()
    keep_smooth(viewer)
    keeper_of(viewer)
    assert viewer in details
    viewer.close()
    qtbot.waitUntil(lambda: viewer not in details, timeout=5_000)
