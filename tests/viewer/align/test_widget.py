from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anndata
import numpy as np
import pytest
from napari.layers import Layer

from napari_spatialrecon.tissue import contract
from napari_spatialrecon.viewer.align.files import SAVED
from napari_spatialrecon.viewer.align.layers import GAPS, MARKS
from napari_spatialrecon.viewer.align.widget import AlignToHistology
from napari_spatialrecon.viewer.canvas.layers import cells_layer
from napari_spatialrecon.viewer.canvas.tiles import shift_of
from napari_spatialrecon.viewer.landmarks.widget import LandmarksWidget
from napari_spatialrecon.viewer.window.shortcuts import ALIGN, COMMON

TURN = np.array([[0.8, -0.6], [0.6, 0.8]])


@pytest.fixture
def widget(make_napari_viewer: Any, open_tissue: Any, qtbot: Any) -> AlignToHistology:
    """Docked, with the first slide turned off its H&E in the layer's own data."""
    viewer = make_napari_viewer()
    open_tissue(viewer)
    widget = AlignToHistology(viewer)
    viewer.window.add_dock_widget(widget, name="Align to histology")
    choose(widget, "cortex 1 spots", "cortex 1 H&E")
    return widget


def choose(widget: AlignToHistology, layer: str, image: str) -> None:
    for box, name in ((widget.layer, layer), (widget.image, image)):
        box.setCurrentIndex(box.findText(name))
    widget.begin()


def world(layer: Any, rows: Any) -> np.ndarray:
    return np.asarray(layer._data_to_world(np.asarray(layer.data, float)[rows]))


def wanted(points: np.ndarray) -> np.ndarray:
    """Where points (y, x) of the layer belong: turned a little, kept on the image."""
    centre = points.mean(axis=0)
    angle = np.deg2rad(3)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (points - centre) @ turn.T + centre + 4.0


def set_pairs(widget: AlignToHistology, goal: np.ndarray, rows: tuple[int, ...]) -> None:
    for row in rows:
        widget.on_click(world(widget.session.layer, [row])[0])
        widget.on_click(goal[row])


@pytest.mark.parametrize("scale", [1.0, 0.25, 40.0])
def test_pairs_move_the_layer_whatever_its_scale(widget: AlignToHistology, scale: float) -> None:
    layer = widget.session.layer
    layer.data = np.asarray(layer.data) / scale
    layer.scale = np.asarray(layer.scale) * scale
    widget._sessions.clear()
    widget.end()
    widget.begin()
    goal = wanted(world(layer, slice(None)))
    set_pairs(widget, goal, (0, 7, 20, 33))
    np.testing.assert_allclose(world(layer, slice(None)), goal, atol=1e-4)
    assert layer.scale[0] == pytest.approx(scale)
    assert widget.table.rowCount() == 4 and "0 µm" in widget.verdict.text()


def test_the_hint_takes_turns_and_counts_what_is_missing(widget: AlignToHistology) -> None:
    widget.pick.click()
    assert "click the layer" in widget.hint.text() and "3 more" in widget.hint.text()
    widget.on_click(world(widget.session.layer, [0])[0])
    assert "click the image" in widget.hint.text()
    assert MARKS in widget.viewer.layers and len(widget.viewer.layers[MARKS].data) == 1


def test_undo_delete_and_ticks_go_through_the_widget(widget: AlignToHistology) -> None:
    layer = widget.session.layer
    before = world(layer, slice(None))
    set_pairs(widget, wanted(before), (0, 7, 20))
    widget.undo.click()
    np.testing.assert_allclose(world(layer, slice(None)), before, atol=1e-6)
    widget.redo.click()
    widget.table.toggled.emit(1, False)
    assert not widget.session.model.pairs[1].enabled
    widget.table.selectRow(2)
    widget.remove.click()
    assert len(widget.session.model.pairs) == 2
    assert len(widget.viewer.layers[GAPS].data) == 2


def test_a_click_beside_the_image_is_refused_in_the_widget(widget: AlignToHistology) -> None:
    widget.on_click(world(widget.session.layer, [0])[0])
    widget.on_click(np.array([-1e6, 0.0]))
    assert "outside it" in widget.notice.label.text()
    assert not widget.session.model.pairs and widget.session.model.turn == "image"


def test_a_deleted_layer_is_said_and_its_marks_go(widget: AlignToHistology, qtbot: Any) -> None:
    set_pairs(widget, wanted(world(widget.session.layer, slice(None))), (0, 7, 20))
    widget.pick.click()
    widget.viewer.layers.remove("cortex 1 spots")
    qtbot.waitUntil(lambda: "'cortex 1 spots' was deleted" in widget.notice.label.text())
    assert not widget.pick.isChecked() and widget.session.layer.name == "cortex 2 spots"
    assert not widget.session.model.pairs


def test_no_marks_are_drawn_between_the_removal_of_a_slide_and_the_end_of_the_session(
    widget: AlignToHistology,
) -> None:
    session = widget.session
    widget.viewer.layers.clear()
    session.show()
    assert not len(widget.viewer.layers)


def test_layers_that_go_in_a_row_begin_no_other_slide_in_between(
    widget: AlignToHistology, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[object] = []
    monkeypatch.setattr(widget, "begin", lambda: begun.append(widget.layer.currentText()))
    widget.viewer.layers.clear()
    assert not begun
    qtbot.waitUntil(lambda: "was deleted" in widget.notice.label.text())
    assert widget.session is None and not widget.layer.count() and set(begun) <= {""}


def test_an_image_without_scale_counts_in_pixels_until_it_is_given(
    widget: AlignToHistology,
) -> None:
    image = np.asarray(
        widget.session.image.data[0]
        if widget.session.image.multiscale
        else widget.session.image.data
    )
    widget.viewer.add_image(image, rgb=True, name="scan")
    choose(widget, "cortex 1 spots", "scan")
    assert widget.scale_row.isVisibleTo(widget) and "pixels" in widget.scale_label.text()
    widget.scale.setText("none")
    widget.scale_button.click()
    assert "positive number" in widget.notice.label.text()
    widget.scale.setText("2,5")
    widget.scale_button.click()
    assert not widget.scale_row.isVisibleTo(widget)
    assert widget.session.um == pytest.approx(1.0)


def test_what_is_aligned_is_saved_opened_and_used_by_later_runs(
    widget: AlignToHistology, qtbot: Any, tmp_path: Path
) -> None:
    layer = widget.session.layer
    goal = wanted(world(layer, slice(None)))
    set_pairs(widget, goal, (0, 7, 20, 33))
    path = tmp_path / "aligned.h5ad"
    widget.save_as(str(path))
    qtbot.waitUntil(lambda: "Saved" in widget.verdict.text(), timeout=60_000)
    read = anndata.read_h5ad(path)
    um = contract.um_per_unit(read)
    own = (goal - shift_of(layer))[:, ::-1]
    np.testing.assert_allclose(read.obsm["spatial"] * um, own, rtol=1e-6)
    assert read.uns["spatialrecon"]["alignment"]["landmarks_ref"].shape == (4, 2)
    widget.viewer.open(str(path), plugin="napari-spatialrecon")
    again = widget.viewer.layers["aligned spots"]
    there = (world(again, slice(None)) - shift_of(again))[:, ::-1]
    np.testing.assert_allclose(there, own, rtol=1e-6)
    widget.keep()
    entry = widget.space.of_layer(layer)
    np.testing.assert_allclose(entry.table().obsm["spatial"] * um, own, rtol=1e-6)


def test_pairs_go_to_a_file_and_come_back(widget: AlignToHistology, tmp_path: Path) -> None:
    goal = wanted(world(widget.session.layer, slice(None)))
    set_pairs(widget, goal, (0, 7, 20))
    widget.save_file(str(tmp_path / "pairs.csv"))
    kept = widget.session.model.pairs
    for _ in range(3):
        widget.session.model.delete(0)
    widget.open_file(str(tmp_path / "pairs.csv"))
    np.testing.assert_allclose(
        [p.ref for p in widget.session.model.pairs], [p.ref for p in kept], rtol=1e-12
    )
    (tmp_path / "bad.csv").write_text("x,y,u,v\n1,2,3,4\n")
    widget.open_file(str(tmp_path / "bad.csv"))
    assert "ref_x" in widget.notice.label.text() and len(widget.session.model.pairs) == 3


def test_keys_stand_in_the_widget_and_are_let_go_with_the_pointer(
    widget: AlignToHistology,
) -> None:
    for shortcut in ALIGN.values():
        assert shortcut.words in widget.keys_text.text()
    before = dict(widget.viewer.keymap)
    widget.pick.click()
    assert len(widget.viewer.keymap) > len(before)
    widget.pick.click()
    assert dict(widget.viewer.keymap) == before
    assert set(COMMON) <= set(widget.key_actions())


def test_one_widget_has_the_canvas_and_viewers_share_nothing(
    widget: AlignToHistology, make_napari_viewer: Any, open_tissue: Any
) -> None:
    second = LandmarksWidget(widget.viewer)
    widget.viewer.window.add_dock_widget(second, name="Landmarks")
    widget.pick.click()
    second.pointer.switch(True)
    heard = widget.viewer.mouse_drag_callbacks
    assert not widget.pick.isChecked()
    assert second.pointer._hear in heard and widget.pointer._hear not in heard
    other = make_napari_viewer()
    open_tissue(other)
    third = AlignToHistology(other)
    other.window.add_dock_widget(third, name="Align to histology")
    set_pairs(widget, wanted(world(widget.session.layer, slice(None))), (0, 7, 20))
    assert not third.session.model.pairs


def test_a_drag_on_the_canvas_moves_the_mark_and_not_the_camera(widget: AlignToHistology) -> None:
    goal = wanted(world(widget.session.layer, slice(None)))
    set_pairs(widget, goal, (0, 7, 20))
    widget.pick.click()
    mark = widget.session.marks_world()[3]
    event = SimpleNamespace(
        button=1, position=tuple(mark), pos=np.array([50.0, 50.0]), type="mouse_press"
    )
    hearing = widget.pointer._hear(widget.viewer, event)
    next(hearing)
    assert not widget.viewer.scene.camera.mouse_pan
    event.type, event.pos, event.position = "mouse_move", np.array([90.0, 50.0]), tuple(mark + 9.0)
    next(hearing)
    event.type = "mouse_release"
    with pytest.raises(StopIteration):
        next(hearing)
    assert widget.viewer.scene.camera.mouse_pan
    np.testing.assert_allclose(widget.session.marks_world()[3], mark + 9.0)
    widget.undo.click()
    np.testing.assert_allclose(widget.session.marks_world()[3], mark)


def test_placed_cells_start_where_their_expression_expects_them(
    widget: AlignToHistology, tiny: Any, qtbot: Any
) -> None:
    true = tiny.truth.loc[tiny.cells.obs_names, ["x", "y"]].to_numpy(float)
    um = contract.um_per_unit(tiny.slides[0])
    cells = tiny.cells.copy()
    cells.obsm["X_layout"] = (true - true.mean(axis=0)) @ [[0.0, -1.0], [-1.0, 0.0]]
    cells.obsm["spatial"] = cells.obsm["X_layout"] + 5000.0
    cells.uns["spatialrecon"] = {"unit": contract.unit(tiny.slides[0]), "um_per_unit": um}
    widget.viewer.add_layer(Layer.create(*cells_layer(cells, name="placed")))
    choose(widget, "placed", "cortex 1 H&E")
    widget.auto.click()
    qtbot.waitUntil(
        lambda: "positions predicted by expression" in widget.verdict.text(), timeout=60_000
    )
    layer = widget.session.layer
    own = (world(layer, slice(None)) - shift_of(layer))[:, ::-1]
    apart = np.linalg.norm(own - true * um, axis=1)
    assert np.median(apart) < 0.25 * np.sqrt((true * um).var(axis=0).sum())
    widget.undo.click()
    np.testing.assert_allclose(widget.session.model.moved, cells.obsm["spatial"] * um)


@pytest.mark.parametrize("kind", list(SAVED))
def test_an_alignment_goes_out_in_each_form_and_comes_back(
    widget: AlignToHistology, tmp_path: Path, kind: str
) -> None:
    """Out by pairs, undone, in again: the layer lies where it lay."""
    layer = widget.session.layer
    table = widget.session.table
    if SAVED[kind] == "loupe":
        table.obs["array_row"], table.obs["array_col"] = np.divmod(np.arange(table.n_obs), 20)
    goal = wanted(world(layer, slice(None)))
    set_pairs(widget, goal, (0, 7, 20, 33))
    path = tmp_path / f"alignment{widget.saved[kind]}"
    widget.save_file(str(path), kind)
    assert path.exists(), widget.notice.label.text()
    while widget.session.model.can_undo:
        widget.session.model.undo()
    assert np.abs(world(layer, slice(None)) - goal).max() > 1
    widget.open_file(str(path))
    loose = 1.0 if SAVED[kind] == "loupe" else 1e-4
    np.testing.assert_allclose(world(layer, slice(None)), goal, atol=loose)


def test_points_of_a_store_are_chosen_in_a_dialog(
    widget: AlignToHistology, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spatialdata = pytest.importorskip("spatialdata")
    from qtpy.QtWidgets import QInputDialog

    layer, goal = widget.session.layer, wanted(world(widget.session.layer, slice(None)))
    set_pairs(widget, goal, (0, 7, 20))
    widget.save_file(str(tmp_path / "a.zarr"), "SpatialData: landmarks (*.zarr)")
    sdata = spatialdata.read_zarr(tmp_path / "a.zarr")
    names = {"landmarks_query": "spot_landmarks", "landmarks_ref": "he_landmarks"}
    spatialdata.SpatialData(points={names[n]: e for n, e in sdata.points.items()}).write(
        tmp_path / "b.zarr"
    )
    while widget.session.model.can_undo:
        widget.session.model.undo()
    asked: list[list[str]] = []

    def choose_one(_: object, title: str, words: str, items: list[str], **__: object) -> Any:
        asked.append(items)
        return "spot_landmarks,he_landmarks", True

    monkeypatch.setattr(QInputDialog, "getItem", choose_one)
    widget.open_file(str(tmp_path / "b.zarr" / "zarr.json"))
    assert len(asked[0]) == 2
    np.testing.assert_allclose(world(layer, slice(None)), goal, atol=1e-4)


def test_the_buttons_say_that_files_hold_landmark_pairs(widget: AlignToHistology) -> None:
    assert widget.load.text() == "Open landmark pairs…"
    assert widget.store.text() == "Save landmark pairs…"
