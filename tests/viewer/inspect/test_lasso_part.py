from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from napari.layers import Points
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_spatialrecon.viewer.canvas.coloring import color_layer
from napari_spatialrecon.viewer.canvas.colors import color_key
from napari_spatialrecon.viewer.canvas.point_nodes import drawers
from napari_spatialrecon.viewer.canvas.table_metadata import table_of
from napari_spatialrecon.viewer.inspect.lasso_part import RINGED, LassoPart
from napari_spatialrecon.viewer.inspect.markers_view import drawn_change
from napari_spatialrecon.viewer.inspect.tab import InspectTab

from .conftest import cells_of

NONE = Qt.KeyboardModifier.NoModifier


def cells(name: str, seed: int = 0, counts: bool = True) -> Points:
    """A grid of 20 by 20 cells 10 µm apart; the gene HIGH is high in the upper half.

    With another seed, the same cells lie elsewhere.
    """
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:20, :20] * 10.0
    found = rng.poisson(3.0, (400, 4)).astype(np.float32)
    found[y.ravel() < 100, 1] += 12
    places = np.column_stack([x.ravel(), y.ravel()])
    kept = 4 if counts else 0
    return cells_of(
        found[:, :kept],
        places if not seed else np.random.default_rng(seed).permutation(places),
        name=name,
        genes=["A", "HIGH", "C", "D"][:kept],
        cell_type=pd.Categorical(rng.choice(["a", "b"], 400)),
    )


@pytest.fixture
def tab(make_napari_viewer: Any, qtbot: Any) -> InspectTab:
    made = InspectTab(make_napari_viewer())
    qtbot.addWidget(made)
    return made


def part(tab: InspectTab) -> LassoPart:
    found = tab.parts[LassoPart]
    assert isinstance(found, LassoPart)
    return found


def select_upper(tab: InspectTab) -> None:
    corners = np.array([[-5.0, -5.0], [-5.0, 195.0], [95.0, 195.0], [95.0, -5.0]])
    part(tab)._select(corners, "new")


def test_a_real_drag_selects_and_escape_gives_up(make_napari_viewer: Any, qtbot: Any) -> None:
    viewer = make_napari_viewer(show=True)
    made = InspectTab(viewer)
    qtbot.addWidget(made)
    layer = viewer.add_layer(cells("a"))
    qtbot.waitExposed(viewer.window._qt_window)
    qtbot.wait(300)
    viewer.reset_view()
    canvas = viewer.window._qt_viewer.canvas.native
    before = np.array(viewer.scene.camera.center)

    def draw(radius: int, key: Qt.Key | None = None) -> None:
        middle = canvas.rect().center()
        turn = np.linspace(0, 2 * np.pi, 20)
        path = [middle + QPoint(int(radius * np.cos(t)), int(radius * np.sin(t))) for t in turn]
        QTest.mousePress(canvas, Qt.MouseButton.LeftButton, NONE, path[0])
        for at in path[1:]:
            QTest.mouseMove(canvas, at)
            qtbot.wait(15)  # vispy hears a hundred moves a second
        if key is not None:
            assert part(made).outlines._lines
            QTest.keyClick(canvas, key)
            assert not part(made).outlines._lines
        QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, NONE, path[-1])

    QTest.mouseClick(part(made).button, Qt.MouseButton.LeftButton)
    draw(60)
    rows = made.space.selection.rows_in(layer)
    assert 10 < len(rows) < 390 and f"{len(rows):,} of 400" in part(made).about.text()
    off = np.linalg.norm(np.asarray(layer.data)[rows] - 95.0, axis=1)
    assert off.max() * viewer.scene.camera.zoom < 63
    assert np.allclose(before, viewer.scene.camera.center) and len(part(made).outlines._rings)
    draw(90, Qt.Key.Key_Escape)
    assert np.array_equal(made.space.selection.rows_in(layer), rows) and part(made).lasso.on
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    assert not part(made).lasso.on


def test_a_selection_carries_over_to_placed_cells_by_name(tab: InspectTab) -> None:
    first, placed = (tab.viewer.add_layer(cells(name, seed)) for name, seed in (("a", 0), ("p", 1)))
    tab.viewer.layers.selection = {first}
    select_upper(tab)
    chosen = set(tab.space.selection.names)
    assert len(chosen) == 200
    tab.viewer.layers.selection = {placed}
    assert {f"c{row}" for row in part(tab).rows} == chosen
    assert "by name in a" in part(tab).about.text()
    tab.viewer.layers.remove(placed)
    tab.viewer.layers.remove(first)
    assert part(tab).layer is None and not len(part(tab).rows)


def test_a_lasso_that_adds_on_another_slide_changes_nothing_and_says_so(tab: InspectTab) -> None:
    tab.viewer.add_layer(cells("a"))
    select_upper(tab)
    other = cells("b")
    table_of(other).X += 1  # other cells of the same names
    tab.viewer.add_layer(other)
    tab.viewer.layers.selection = {other}
    corners = np.array([[-5.0, -5.0], [-5.0, 195.0], [95.0, 195.0], [95.0, -5.0]])
    for way, done in (("add", "added"), ("remove", "removed")):
        part(tab)._select(corners, way)
        assert len(tab.space.selection) == 200 and tab.space.selection.source.name == "a"
        assert f"They lie in a, and nothing was {done}." in part(tab).about.text()
    part(tab)._select(corners, "new")
    assert tab.space.selection.source is other and "They lie" not in part(tab).about.text()


def test_a_few_have_rings_and_of_many_the_others_are_faint(tab: InspectTab) -> None:
    layer = tab.viewer.add_layer(cells("a"))
    (drawer,) = drawers(layer)

    def faint() -> int:
        return int((drawer.node.points_markers._data["a_bg_color"][:, 3] < 0.5).sum())

    tab.space.selection.set_rows(layer, range(RINGED))
    assert len(part(tab).outlines._rings) == 2 and faint() == 0
    tab.space.selection.set_rows(layer, range(RINGED + 1))
    assert not part(tab).outlines._rings and faint() == 400 - RINGED - 1
    color_layer(layer, "HIGH")
    assert faint() == 400 - RINGED - 1, "new colors are faint too"
    tab.viewer.layers.selection = {tab.viewer.add_layer(cells("other", 1))}
    assert faint() == 0
    tab.viewer.layers.selection = {layer}
    part(tab)._clear()
    assert faint() == 0


def test_markers_are_found_and_a_click_colors(tab: InspectTab, qtbot: Any) -> None:
    layer = tab.viewer.add_layer(cells("a"))
    select_upper(tab)
    part(tab).genes.test.click()
    assert not part(tab).genes.cancel.isHidden() and part(tab).genes.test.isHidden()
    qtbot.waitUntil(lambda: part(tab).genes.run is None, timeout=100_000)
    assert part(tab).genes.view.found is not None
    assert part(tab).genes.view.found.index[0] == "HIGH" and not part(tab).genes.view.isHidden()
    part(tab).genes.view.table.selectRow(0)
    assert color_key(layer).title.startswith("HIGH")
    part(tab)._clear()
    assert part(tab).genes.view.isHidden() and part(tab).below.isHidden()


def test_markers_of_a_selection_that_is_gone_are_not_shown(tab: InspectTab, qtbot: Any) -> None:
    tab.viewer.add_layer(cells("a"))
    select_upper(tab)
    part(tab).genes.test.click()
    run = part(tab).genes.run
    with qtbot.waitSignal(run.finished, timeout=100_000):
        tab.viewer.layers.clear()
    assert part(tab).genes.view.found is None and part(tab).genes.run is None


def test_the_dot_plot_has_both_groups_and_the_types(tab: InspectTab, qtbot: Any) -> None:
    layer = tab.viewer.add_layer(cells("a"))
    select_upper(tab)
    genes = part(tab).genes
    genes.view.dotted.click()
    genes.test.click()
    qtbot.waitUntil(lambda: bool(genes.view.dot_view.plot.genes), timeout=100_000)
    plot, view = genes.view.dot_view.plot, genes.view.dot_view
    assert plot.groups == ["selection", "others", "a", "b"] and plot.genes[0] == "HIGH"
    assert plot._mean[0, 0] > plot._mean[0, 1] and "100% with counts" in plot.words(0, 0)
    plot.resize(plot.sizeHint())
    spots = [plot.place(row, 0).toPoint() for row in range(4)]
    first, gone = plot.genes[0], plot.genes[1]
    QTest.mouseClick(plot, Qt.MouseButton.LeftButton, NONE, spots[0])
    assert color_key(layer).title.startswith(first)
    cross = QPoint(plot.width() - 4, spots[1].y())
    QTest.mouseClick(plot, Qt.MouseButton.LeftButton, NONE, cross)
    qtbot.waitUntil(lambda: len(plot.genes) == 3, timeout=100_000)
    assert gone not in plot.genes and genes.state()["genes"] == plot.genes
    view.add("no such gene")
    assert "no such gene" in view.note.text() and len(view.genes) == 3
    view.add(gone.lower())
    qtbot.waitUntil(lambda: plot.genes[0] == gone, timeout=100_000)


def test_a_name_in_the_composition_selects_and_back_returns(tab: InspectTab) -> None:
    layer = tab.viewer.add_layer(cells("a"))
    select_upper(tab)
    lasso = part(tab)
    assert '<a href="a"' in lasso.composition.text()
    lasso.composition.linkActivated.emit("a")
    kinds = layer.features["cell_type"].to_numpy()[tab.space.selection.rows_in(layer)]
    assert 50 < len(kinds) < 150 and set(kinds) == {"a"}
    lasso.back.click()
    assert len(tab.space.selection.rows_in(layer)) == 200
    lasso.back.click()
    assert not len(tab.space.selection) and not lasso.back.isEnabled()


def test_what_is_shown_of_a_selection_is_kept(tab: InspectTab, qtbot: Any) -> None:
    layer = tab.viewer.add_layer(cells("a"))
    select_upper(tab)
    lasso = part(tab)
    lasso.name.setText("upper")
    lasso.keep.click()
    lasso.name.setText("half typed")
    lasso.genes.view.dotted.click()
    lasso.genes.view.dot_view.chosen = ["C", "HIGH"]
    lasso.genes.test.click()
    kept = json.loads(json.dumps(tab.space.kept["inspect selection"].state()))
    lasso.genes.forget()
    lasso._keep(None)
    lasso.name.clear()
    lasso.genes.view.volcano.click()
    lasso.genes.view.dot_view.chosen = None
    lasso.restore(kept)
    plot = lasso.genes.view.dot_view.plot
    qtbot.waitUntil(lambda: plot.genes == ["C", "HIGH"], timeout=100_000)
    assert lasso.name.text() == "half typed" and lasso.genes.view.dotted.isChecked()
    lasso.undo.click()
    assert "upper" not in layer.features


def test_too_few_cells_and_no_counts_are_said(tab: InspectTab) -> None:
    layer = tab.viewer.add_layer(cells("a"))
    tab.space.selection.set_rows(layer, [0, 1])
    assert not part(tab).genes.test.isEnabled() and "At least 3" in part(tab).genes.test.toolTip()
    bare = tab.viewer.add_layer(cells("bare", counts=False))
    tab.space.selection.set_rows(bare, [0, 1, 2, 3])
    assert not part(tab).genes.test.isEnabled() and "no counts" in part(tab).genes.test.toolTip()


def test_a_column_is_kept_and_undone(tab: InspectTab) -> None:
    layer = tab.viewer.add_layer(cells("a"))
    select_upper(tab)
    part(tab).name.setText("upper")
    part(tab).keep.click()
    assert (layer.features["upper"] == "selected").sum() == 200
    part(tab).name.setText("upper")
    part(tab).keep.click()
    assert "taken" in part(tab).notice.label.text()
    part(tab).undo.click()
    assert "upper" not in layer.features and part(tab).undo.isHidden()


def test_genes_of_one_side_do_not_press_the_others_together() -> None:
    found = pd.DataFrame(
        {
            "log2_fold_change": [2.0, -1.0, 25.0],
            "expressed": [0.5, 0.5, 0.5],
            "expressed_in_rest": [0.5, 0.5, 0.0],
        }
    )
    assert drawn_change(found).tolist() == pytest.approx([2.0, -1.0, 2.2])
