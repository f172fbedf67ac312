from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest
from napari.layers import Layer

from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.viewer.canvas.layers import cells_layer, spots_layer
from napari_spatialrecon.viewer.landmarks.layers import MARKS
from napari_spatialrecon.viewer.landmarks.widget import LandmarksWidget
from napari_spatialrecon.viewer.widgets.scroll_column import ScrollColumn
from napari_spatialrecon.viewer.workbench.widget import WIDTH

TURN = np.array([[0.0, -1.0], [-1.0, 0.0]])


@pytest.fixture
def truth() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 1000, (60, 2))


@pytest.fixture
def widget(
    make_napari_viewer: Any, forgetful: Any, slide: anndata.AnnData, truth: np.ndarray, qtbot: Any
) -> LandmarksWidget:
    """Docked, with 60 placed cells in a wrong pose, half a µm a unit."""
    rng = np.random.default_rng(1)
    cells = anndata.AnnData(rng.poisson(2.0, (60, 3)).astype(np.float32))
    cells.obs_names = [f"c{i}" for i in range(60)]
    cells.var_names = ["ACTB", "KRT17", "MS4A1"]
    cells.obsm["X_layout"] = (truth - truth.mean(0)) @ TURN
    cells.obsm["spatial"] = cells.obsm["X_layout"] + 2000.0
    cells.obs["placement_uncertainty"] = rng.uniform(1, 2, 60)
    cells.uns["spatialrecon"] = {"unit": "px", "um_per_unit": 0.5}
    viewer = make_napari_viewer()
    forgetful(viewer)
    viewer.add_layer(Layer.create(*cells_layer(cells, name="cells")))
    known = cells[:20].copy()
    known.obsm["spatial"] = truth[:20]
    del known.obsm["X_layout"]
    viewer.add_layer(Layer.create(*spots_layer(known, name="known")))
    widget = LandmarksWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Landmarks")
    return widget


def shown(widget: LandmarksWidget) -> np.ndarray:
    """Where the layer shows the cells, (x, y) in the table's unit."""
    layer = widget.session.layer
    return np.asarray(layer._data_to_world(np.asarray(layer.data)))[:, ::-1] / 0.5


def put(widget: LandmarksWidget, truth: np.ndarray, *cells: int) -> None:
    for cell in cells:
        widget.session.model.pick(cell)
        widget.on_click(truth[cell, ::-1] * 0.5)


def test_cells_follow_three_clicks_a_drag_and_undo(
    widget: LandmarksWidget, truth: np.ndarray
) -> None:
    assert [widget.layer.itemText(i) for i in range(widget.layer.count())] == ["cells"]
    put(widget, truth, 3, 20)
    assert "1 more needed" in widget.hint.text()
    put(widget, truth, 41)
    np.testing.assert_allclose(shown(widget), truth, atol=1)
    assert widget.table.rowCount() == 3 and "60 cells follow 3" in widget.verdict.text()
    for step in (20.0, 40.0):
        widget.on_drag(1, (truth[20, ::-1] + step) * 0.5, False)
    np.testing.assert_allclose(shown(widget)[20], truth[20] + 40.0)
    widget.on_drag(1, (truth[20, ::-1] + 40.0) * 0.5, True)
    widget.undo.click()
    np.testing.assert_allclose(shown(widget), truth, atol=1)


def test_a_cell_is_found_by_gene_and_the_suggested_one_is_ringed(
    widget: LandmarksWidget, qtbot: Any
) -> None:
    widget.search_field.setText("krt17")
    assert widget.cells.item(0).text().split()[1] == "KRT17"
    widget.cells.itemClicked.emit(widget.cells.item(0))
    assert widget.session.model.picked is not None and widget.pick.isChecked()
    widget.search_field.setText("nobody")
    assert "no cell" in widget.cells.item(0).text()
    qtbot.waitUntil(lambda: widget.session.suggested is not None, timeout=10_000)
    assert len(widget.viewer.layers[MARKS].data) == 2
    widget.suggest.click()
    assert widget.session.model.picked == widget.session.suggested


def test_landmarks_are_kept_in_csv_and_in_the_saved_cells(
    widget: LandmarksWidget, truth: np.ndarray, tmp_path: Path, qtbot: Any
) -> None:
    put(widget, truth, 3, 20, 41, 50)
    widget.session.model.set_hard(2, False, 30.0)
    widget.save_file(str(tmp_path / "l.csv"))
    widget.save_as(str(tmp_path / "moved.h5ad"))
    qtbot.waitUntil(lambda: "Saved" in widget.verdict.text(), timeout=60_000)
    before = widget.session.model.marks
    widget.session.model.delete(0)
    widget.open_file(str(tmp_path / "l.csv"))
    assert [(m.cell, m.hard, m.weight) for m in widget.session.model.marks] == [
        (m.cell, m.hard, m.weight) for m in before
    ]
    read = anndata.read_h5ad(tmp_path / "moved.h5ad")
    np.testing.assert_allclose(read.obsm["spatial"], truth, atol=2)
    widget.viewer.open(str(tmp_path / "moved.h5ad"), plugin="napari-spatialrecon")
    widget.layer.setCurrentIndex(widget.layer.findText("moved"))
    widget.begin()
    assert [m.cell for m in widget.session.model.marks] == [3, 20, 41, 50]


def test_a_csv_of_filtered_or_unknown_cells_is_refused_and_nothing_changes(
    widget: LandmarksWidget, truth: np.ndarray, tmp_path: Path
) -> None:
    put(widget, truth, 3, 20, 41)
    for text, problem in (
        ("obs_name,x,y\nc1,1,2\nc2,5,9\nfiltered7,3,4\n", "filtered7"),
        ("obs_name,x,y\nc1,1,2\nc2,5,nan\nc3,3,4\n", "two numbers"),
        ("cell,x,y\nc1,1,2\n", "obs_name"),
        ("obs_name,x,y\nc1,1,1\nc2,2,2\nc3,3,3\n", "on one line"),
    ):
        (tmp_path / "bad.csv").write_text(text)
        widget.open_file(str(tmp_path / "bad.csv"))
        assert problem in widget.notice.label.text(), text
        assert [m.cell for m in widget.session.model.marks] == [3, 20, 41]


def test_places_are_taken_from_another_layer_of_the_same_cells(
    widget: LandmarksWidget, truth: np.ndarray
) -> None:
    widget.take.click()
    assert len(widget.session.model.marks) == 20
    np.testing.assert_allclose(shown(widget), truth, atol=1)


def test_places_are_offered_from_layers_of_these_cells_alone(
    widget: LandmarksWidget, slide: anndata.AnnData, qtbot: Any
) -> None:
    widget.viewer.add_layer(Layer.create(*spots_layer(slide, name="a slide")))
    assert [widget.other.itemText(i) for i in range(widget.other.count())] == ["known spots"]
    widget.viewer.layers.remove("known spots")
    qtbot.waitUntil(lambda: not widget.other.count())
    assert not widget.take.isEnabled()
    assert "No other layer shows at least 3" in widget.other.toolTip()


def test_a_deleted_layer_is_said(widget: LandmarksWidget, truth: np.ndarray, qtbot: Any) -> None:
    put(widget, truth, 3, 20, 41)
    widget.viewer.layers.remove("cells")
    qtbot.waitUntil(lambda: "cells' was deleted" in widget.notice.label.text())
    assert widget.session is None
    assert MARKS not in widget.viewer.layers and "Place cells first" in widget.hint.text()


def test_no_marks_are_drawn_between_the_removal_of_the_cells_and_the_end_of_the_session(
    widget: LandmarksWidget, truth: np.ndarray
) -> None:
    put(widget, truth, 3, 20, 41)
    session = widget.session
    widget.viewer.layers.clear()
    session.show_marks()
    assert not len(widget.viewer.layers)


def test_a_closed_widget_takes_its_marks_along_and_leaves_the_cells(
    widget: LandmarksWidget, truth: np.ndarray, qtbot: Any
) -> None:
    put(widget, truth, 3, 20, 41)
    viewer = widget.viewer
    moved = np.array(viewer.layers["cells"].data)
    viewer.window.show()
    qtbot.waitUntil(widget.isVisible, timeout=5_000)
    viewer.window.remove_dock_widget("all")
    qtbot.waitUntil(lambda: MARKS not in viewer.layers, timeout=5_000)
    np.testing.assert_array_equal(viewer.layers["cells"].data, moved)
    assert len(viewer.layers) == 2
    stained(viewer, "opened later")
    assert MARKS not in viewer.layers and widget.session is None


def test_landmarks_end_when_everything_is_selected_and_deleted(
    widget: LandmarksWidget, truth: np.ndarray, qtbot: Any
) -> None:
    put(widget, truth, 3, 20, 41)
    layers = widget.viewer.layers
    layers.select_all()
    layers.remove_selected()
    qtbot.waitUntil(lambda: widget.session is None, timeout=5_000)
    assert not len(layers) and "was deleted" in str(widget.notice.error)


def stained(viewer: Any, name: str) -> Any:
    """An H&E on which all cells lie."""
    return viewer.add_image(
        np.full((40, 40, 3), 200, np.uint8),
        rgb=True,
        name=name,
        scale=(50.0, 50.0),
        units=("um", "um"),
        metadata={"spatialrecon": {"role": "histology"}},
    )


def test_clicks_are_taken_on_the_image_that_is_shown(
    widget: LandmarksWidget, truth: np.ndarray
) -> None:
    viewer = widget.viewer
    placed, shown, other = (
        viewer.layers["cells"],
        stained(viewer, "C2 H&E"),
        stained(viewer, "C5 H&E"),
    )
    viewer.layers.move(viewer.layers.index(placed), len(viewer.layers))
    other.visible = False
    again = LandmarksWidget(viewer)
    assert again.image.currentText() == "C2 H&E" and again.session.image is shown
    again.image.setCurrentIndex(again.image.findText("C5 H&E"))
    again.image.activated.emit(again.image.currentIndex())
    assert other.visible and not shown.visible and again.session.image is other
    shown.visible = True
    viewer.layers.move(viewer.layers.index(shown), viewer.layers.index(other) + 1)
    again.pick.click()  # C2 covers the chosen one
    assert other.visible and not shown.visible
    again.pick.click()
    again.deleteLater()


def test_the_cell_to_be_clicked_is_described(widget: LandmarksWidget) -> None:
    widget.session.adata.obs["cell_type"] = np.repeat(["tumor", "stroma"], 30)
    widget.session.model.pick(7)
    text = widget.hint.text()
    assert text.startswith("Click where c7 belongs.") and "tumor" in text
    assert "part of the tissue" in text or "of the tissue" in text
    assert "may be off by" in text and "µm" in text


def test_titles_are_plain_words(widget: LandmarksWidget) -> None:
    titles = [widget.table.horizontalHeaderItem(i).text() for i in range(4)]
    assert titles == ["cell", "misfit", "without it", "weight"]
    assert widget.load.text() == "Open landmarks…" and widget.store.text() == "Save landmarks…"


def test_nothing_is_wider_than_the_dock_with_its_scroll_bar(widget: LandmarksWidget) -> None:
    column = widget.findChild(ScrollColumn)
    bar = column.verticalScrollBar().sizeHint().width()
    assert column.widget().minimumSizeHint().width() <= WIDTH - bar


def test_the_dock_says_what_no_landmark_mends(widget: LandmarksWidget, truth: np.ndarray) -> None:
    """Of cells of another tissue, before the first landmark and after the last."""
    assert widget.doubts.lines == []
    cells = widget.session.adata.copy()
    cells.obs["out_of_domain"] = True
    cells.uns["spatialrecon"] = {**cells.uns["spatialrecon"], "diagnostics": {"resemblance": 0.5}}
    widget.viewer.add_layer(Layer.create(*cells_layer(cells, name="strangers")))
    widget.work_on(widget.viewer.layers["strangers"], None)
    ((tone, text),) = widget.doubts.lines
    assert tone == "wrong" and "another tissue" in text
    put(widget, truth, 3, 20, 41)
    assert widget.doubts.lines == [(tone, text)] and "follow 3" in widget.verdict.text()
    moved = widget.session.moved_table(widget.space, Reporter())
    assert moved.record.warnings == [text]
    widget.work_on(widget.viewer.layers["cells"], None)
    assert widget.doubts.lines == []
