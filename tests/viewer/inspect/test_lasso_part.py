from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from napari.layers import Points
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_spatialrecon.viewer.canvas.colors import color_key
from napari_spatialrecon.viewer.inspect.lasso_part import LassoPart
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


def test_markers_are_found_and_a_click_colors(tab: InspectTab, qtbot: Any) -> None:
    layer = tab.viewer.add_layer(cells("a"))
    select_upper(tab)
    part(tab).test.click()
    assert not part(tab).cancel.isHidden() and part(tab).test.isHidden()
    qtbot.waitUntil(lambda: part(tab).run is None, timeout=100_000)
    assert part(tab).markers.found is not None
    assert part(tab).markers.found.index[0] == "HIGH" and not part(tab).markers.isHidden()
    part(tab).markers.table.selectRow(0)
    assert color_key(layer).title.startswith("HIGH")
    part(tab)._clear()
    assert part(tab).markers.isHidden() and part(tab).below.isHidden()


def test_markers_of_a_selection_that_is_gone_are_not_shown(tab: InspectTab, qtbot: Any) -> None:
    tab.viewer.add_layer(cells("a"))
    select_upper(tab)
    part(tab).test.click()
    run = part(tab).run
    with qtbot.waitSignal(run.finished, timeout=100_000):
        tab.viewer.layers.clear()
    assert part(tab).markers.found is None and part(tab).run is None


def test_too_few_cells_and_no_counts_are_said(tab: InspectTab) -> None:
    layer = tab.viewer.add_layer(cells("a"))
    tab.space.selection.set_rows(layer, [0, 1])
    assert not part(tab).test.isEnabled() and "At least 3" in part(tab).test.toolTip()
    bare = tab.viewer.add_layer(cells("bare", counts=False))
    tab.space.selection.set_rows(bare, [0, 1, 2, 3])
    assert not part(tab).test.isEnabled() and "no counts" in part(tab).test.toolTip()


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
