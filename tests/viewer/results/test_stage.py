from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_spatialrecon.viewer.canvas.colors import color_key
from napari_spatialrecon.viewer.canvas.layers import um_per_layer_unit
from napari_spatialrecon.viewer.canvas.passing import is_passing
from napari_spatialrecon.viewer.canvas.quiet_layers import shown_overlays
from napari_spatialrecon.viewer.canvas.table_metadata import set_table
from napari_spatialrecon.viewer.results import pieces
from napari_spatialrecon.viewer.results.acts import recolor
from napari_spatialrecon.viewer.results.ground_copy import copy_of
from napari_spatialrecon.viewer.results.looks import Look
from napari_spatialrecon.viewer.results.model import ResultsModel
from napari_spatialrecon.viewer.results.scene import Scene
from napari_spatialrecon.viewer.results.sides import Side
from napari_spatialrecon.viewer.results.stage import Stage
from napari_spatialrecon.viewer.results.swipe import Swipe
from napari_spatialrecon.viewer.session.snapshot import take
from napari_spatialrecon.viewer.workspace.results import Result
from napari_spatialrecon.viewer.workspace.workspace import Workspace

from .conftest import N, Placed, table


class Pair:
    """Two results of which the second lies elsewhere, and the stage they are shown on."""

    def __init__(self, viewer: ViewerModel, space: Workspace, first: Result, second: Result):
        self.viewer, self.first, self.second = viewer, first, second
        self.model, self.stage = ResultsModel(space), Stage(viewer)
        self.model.tick(first)
        self.model.tick(second)
        self.comparison = self.model.compare()

    def show(self, look: Look, **more: object) -> list:
        self.stage.show(look, self.comparison, self.model.pair, **more)
        return [layer for layer in self.viewer.layers if is_passing(layer)]


@pytest.fixture
def pair(viewer: ViewerModel, space: Workspace, placed: Placed, tissue: np.ndarray) -> Pair:
    viewer.add_image(np.zeros((80, 120, 3), np.uint8), rgb=True, scale=(10, 10), units=("um", "um"))
    return Pair(viewer, space, placed("a", tissue), placed("b", tissue + np.array([30, 40])))


def visible(viewer: ViewerModel) -> list[str]:
    return [layer.name for layer in viewer.layers if layer.visible]


def world(layer) -> np.ndarray:
    return np.asarray(layer._data_to_world(np.asarray(layer.data)))


@pytest.mark.parametrize("look", list(Look))
def test_a_look_leaves_the_canvas_as_it_was(pair: Pair, look: Look) -> None:
    before, shown = list(pair.viewer.layers), visible(pair.viewer)
    camera = (pair.viewer.scene.camera.center, pair.viewer.scene.camera.zoom)
    own = pair.show(look)
    assert own and not pair.first.layer.visible and not pair.second.layer.visible
    pair.stage.leave()
    assert list(pair.viewer.layers) == before and visible(pair.viewer) == shown
    assert (pair.viewer.scene.camera.center, pair.viewer.scene.camera.zoom) == camera


def test_looks_after_one_another_keep_the_points_and_leave_the_canvas_as_it_was(
    pair: Pair,
) -> None:
    before, shown = list(pair.viewer.layers), visible(pair.viewer)
    pair.show(Look.BESIDE)
    points = list(pair.stage.points)
    seen: list[bool] = []
    pair.first.layer.events.visible.connect(lambda event: seen.append(True))
    pair.show(Look.SWIPE)
    assert pair.stage.points == points and not np.any(points[1].translate)
    assert all(layer.experimental_clipping_planes for layer in points)
    assert visible(pair.viewer) == [shown[0], *(layer.name for layer in points), "drag this line"]
    pair.show(Look.BLINK)
    assert pair.stage.points == points and not points[1].visible
    assert not any(layer.experimental_clipping_planes for layer in points)
    pair.show(Look.BESIDE)
    assert pair.stage.points == points and points[1].visible and np.any(points[1].translate)
    pair.show(Look.DISAGREEMENT)
    assert not pair.stage.points and visible(pair.viewer)[0] == shown[0] and not seen
    pair.stage.leave()
    assert list(pair.viewer.layers) == before and visible(pair.viewer) == shown


@pytest.mark.parametrize("axis", [0, 1], ids=["below", "to the right"])
def test_side_by_side_has_a_ground_of_its_own_each(pair: Pair, axis: int) -> None:
    pair.viewer.canvas.size = (300, 900) if axis else (900, 300)
    own = pair.show(Look.BESIDE)
    first, second = pair.stage.points
    width = (world(second) - world(first) - [40, 30])[:, axis]
    np.testing.assert_allclose(width, width[0])
    assert width[0] > np.ptp(world(first)[:, axis])
    left, right = (layer for layer in own if layer.name.endswith(("(copy)", "(copy) [1]")))
    shift = np.abs(left.extent.world[0] - right.extent.world[0])
    np.testing.assert_allclose(shift, np.eye(2)[axis] * width[0], atol=1e-6)
    assert [p.name_overlay.visible for p in pair.stage.points] == [True, True]
    assert str(first.symbol[0]) != str(second.symbol[0])


def test_a_copied_ground_shows_each_pixel_where_it_was(pair: Pair) -> None:
    rng = np.random.default_rng(0)
    image = pair.viewer.add_image(
        rng.random((60, 80)), scale=(7, 5), translate=(20, -10), rotate=30, units=("um", "um")
    )
    copy = copy_of(image, np.array([90.0, 30.0]), np.array([210.0, 200.0]), np.zeros(2))
    at = np.array([5, 6])
    there = image.world_to_data(copy.data_to_world(at))
    np.testing.assert_allclose(there, np.rint(there), atol=1e-6)
    assert copy.data[5, 6] == image.data[tuple(np.rint(there).astype(int))]
    far = np.array([9e3, 9e3])
    assert copy_of(image, far, far + 10, np.zeros(2)) is None


def test_the_line_divides_first_and_second_and_follows_the_mouse(pair: Pair) -> None:
    pair.show(Look.SWIPE)
    stage, moves = pair.stage, []
    swipe = Swipe(pair.viewer, stage, lambda: moves.append(stage.line))
    swipe.hold()
    planes = [layer.experimental_clipping_planes[0] for layer in stage.points]
    assert [plane.normal[-1] for plane in planes] == [-1, 1]
    press = SimpleNamespace(position=(0, stage.line), button=1, type="mouse_press")
    drag = swipe.drag(pair.viewer, press)
    next(drag)
    assert not pair.viewer.scene.camera.mouse_pan
    press.type, press.position = "mouse_move", (0, 700.0)
    next(drag)
    assert moves == [700.0]
    assert stage.points[0].experimental_clipping_planes[0].position[-1] == 700.0
    press.position = (0, 1e6)
    next(drag)
    assert stage.line == pytest.approx(stage.scene.extent[1][1])
    press.type = "mouse_release"
    assert list(drag) == [] and pair.viewer.scene.camera.mouse_pan
    away = SimpleNamespace(position=(0, -1e5), button=1, type="mouse_press")
    assert list(swipe.drag(pair.viewer, away)) == []
    swipe.release()
    assert swipe.drag not in pair.viewer.mouse_drag_callbacks


def test_blinking_shows_one_after_the_other(pair: Pair) -> None:
    pair.show(Look.BLINK)
    assert [layer.visible for layer in pair.stage.points] == [True, False]
    assert pair.stage.turn() == 1
    assert [layer.visible for layer in pair.stage.points] == [False, True]
    assert pair.stage.turn() == 0


def test_arrows_lead_from_the_first_to_the_second_place(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, dots = pair.show(Look.ARROWS)
    np.testing.assert_allclose(lines.data[:, 1], np.tile([40, 30], (N, 1)))
    np.testing.assert_allclose(world(dots), world(pair.second.layer))
    np.testing.assert_allclose(lines.features["length"], 50)
    monkeypatch.setattr(pieces, "MOST_ARROWS", 20)
    pair.show(Look.ARROWS)
    assert pair.stage.arrows == 20


def test_the_disagreement_is_a_color_in_micrometres(pair: Pair) -> None:
    (layer,) = pair.show(Look.DISAGREEMENT)
    key = color_key(layer)
    assert key.title == "distance to b, µm" and key.limits == pytest.approx((0, 50))


def test_a_distortion_is_an_image_in_the_frame_of_the_first(pair: Pair) -> None:
    image, lines = pair.show(Look.DISTORTION, of="area")
    low, high = pair.first.layer.extent.world
    step = image.affine.affine_matrix[0, 0]
    assert (image.extent.world[0] > low - 2 * step).all()
    assert (image.extent.world[1] < high + 2 * step).all()
    rgba = image.data[image.data[..., 3] > 0]
    assert (rgba.min(axis=1) > 0.9).all(), "no change of area is white"
    assert len(lines.data) > 50


def test_the_sides_lie_where_the_layer_of_the_first_was_moved(pair: Pair) -> None:
    pair.first.layer.affine = np.array([[0, 2, 100.0], [-2, 0, 50.0], [0, 0, 1.0]])
    pair.show(Look.BLINK)
    np.testing.assert_allclose(world(pair.stage.points[0]), world(pair.first.layer))
    moved = np.linalg.norm(world(pair.stage.points[1]) - world(pair.stage.points[0]), axis=1)
    np.testing.assert_allclose(moved, 100)


def test_new_colors_of_a_result_show_on_the_stage(pair: Pair) -> None:
    pair.show(Look.BLINK)
    recolor(pair.viewer, [Side(pair.first)], "cell_type")
    np.testing.assert_allclose(pair.stage.points[0].face_color, pair.first.layer.face_color)


@pytest.mark.parametrize("which", ["side", "own"])
def test_it_leaves_when_a_layer_is_deleted(pair: Pair, which: str) -> None:
    left = []
    pair.stage.left.connect(lambda: left.append(True))
    pair.show(Look.BLINK)
    gone = pair.second.layer if which == "side" else pair.stage.points[0]
    pair.viewer.layers.remove(gone)
    assert pair.stage.look is None and left == [True]
    assert not any(is_passing(layer) for layer in pair.viewer.layers)
    assert pair.first.layer.visible


@pytest.mark.parametrize("between", [False, 0, 400])
def test_it_leaves_when_everything_is_selected_and_deleted(
    pair: Pair, qapp: QApplication, qtbot: Any, between: int | bool
) -> None:
    pair.show(Look.DISTORTION)
    pair.viewer.layers.select_all()
    if between is not False:  # Qt may handle events, for long, while napari removes a layer

        def events(event: object) -> None:
            qapp.processEvents()
            QTest.qWait(between)

        pair.viewer.layers.events.removed.connect(events)
    pair.viewer.layers.remove_selected()
    qtbot.waitUntil(lambda: pair.stage.look is None, timeout=5_000)
    assert not len(pair.viewer.layers)


def test_it_leaves_though_a_layer_of_its_own_stays_selected(pair: Pair, qtbot: Any) -> None:
    pair.show(Look.DISTORTION)
    pair.viewer.layers.selection = {pair.stage._own[0]}
    pair.viewer.layers.remove(pair.first.layer)
    qtbot.waitUntil(lambda: pair.stage.look is None, timeout=5_000)


def test_a_side_without_a_layer_is_drawn_all_the_same(
    viewer: ViewerModel, space: Workspace, placed: Placed, tissue: np.ndarray
) -> None:
    second = space.results.add(Result("b", "place", table(tissue + 10)))
    pair = Pair(viewer, space, placed("a", tissue), second)
    for look in Look:
        assert pair.show(look)


def test_a_layer_that_lost_points_is_drawn_from_its_table(pair: Pair) -> None:
    pair.second.layer.data = pair.second.layer.data[:10]
    pair.show(Look.BLINK)
    assert len(pair.stage.points[1].data) == N


def test_collapsed_places_and_another_unit_are_shown(
    viewer: ViewerModel, space: Workspace, placed: Placed, tissue: np.ndarray
) -> None:
    middle = np.tile(tissue.mean(axis=0), (N, 1))
    pair = Pair(viewer, space, placed("center", middle), placed("b", tissue))
    for look in Look:
        pair.show(look)
    pair.stage.leave()
    plain = Pair(
        viewer, space, placed("c", tissue, unit="unit"), placed("d", tissue + 3, unit="unit")
    )
    for look in Look:
        for layer in plain.show(look):
            assert um_per_layer_unit(layer) is None, "no µm is known"
    assert plain.comparison.unit == "unit"


def test_the_layers_of_a_look_are_not_listed_as_data(pair: Pair, space: Workspace) -> None:
    before = list(space)
    for look in Look:
        pair.show(look)
        assert list(space) == before


def test_a_layer_of_other_cells_with_the_same_names_is_not_taken_for_a_side(pair: Pair) -> None:
    other = table(np.random.default_rng(5).random((N, 2)))
    other.X = other.X[::-1]
    set_table(pair.first.layer, other)
    scene = Scene.of(pair.viewer, pair.comparison, pair.model.pair)
    assert scene.sources[0][0] is None and scene.sources[1][0] is pair.second.layer


def test_a_layer_that_is_moved_between_two_looks_is_followed(pair: Pair) -> None:
    pair.show(Look.BLINK)
    pair.first.layer.translate = (500, -300)
    pair.show(Look.SWIPE)
    np.testing.assert_allclose(world(pair.stage.points[0]), world(pair.first.layer))


def test_a_session_keeps_no_layer_of_a_comparison(pair: Pair) -> None:
    before = len(take(pair.viewer).layers)
    pair.show(Look.BESIDE)
    assert len(take(pair.viewer).layers) == before


@pytest.mark.parametrize("look", list(Look))
def test_each_step_of_a_look_adds_one_layer_or_writes_one_thing_on_it(
    pair: Pair, look: Look
) -> None:
    stage, layers = pair.stage, pair.viewer.layers
    selected: list[object] = []
    chosen = layers.selection.active = layers[1]
    layers.selection.events.active.connect(lambda event: selected.append(event.value))

    def seen() -> tuple[int, int]:
        own = [layer for layer in layers if is_passing(layer)]
        return len(own), sum(len(shown_overlays(layer)) for layer in own)

    steps, given, before = stage.showing(look, pair.comparison, pair.model.pair), None, seen()
    for _ in range(100):
        try:
            work = steps.send(given)
        except StopIteration:
            break
        given, now = None if work is None else work(), seen()
        assert sum(now) - sum(before) <= 1
        before = now
    assert before[0] and before[1]
    assert not selected and layers.selection.active is chosen
