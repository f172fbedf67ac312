"""The tab with mouse and keys, and what happens when layers go."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from napari.components import ViewerModel
from qtpy.QtCore import QCoreApplication, QEvent, QPoint, Qt, QTimer

from napari_spatialrecon.viewer.canvas.colors import color_key
from napari_spatialrecon.viewer.canvas.passing import is_passing
from napari_spatialrecon.viewer.results.compare_panel import ComparePanel
from napari_spatialrecon.viewer.results.looks import Look
from napari_spatialrecon.viewer.results.result_list import EMPTY
from napari_spatialrecon.viewer.results.tab import ResultsTab
from napari_spatialrecon.viewer.workspace.results import Result
from napari_spatialrecon.viewer.workspace.workspace import Workspace, workspace_of

from .conftest import add_placed, add_slide, table

LONG = "tumor cells of patient 7, batch 12, second replicate · GEARS with a trained encoder"


@pytest.fixture
def tab(viewer: ViewerModel, space: Workspace, qtbot: Any) -> Iterator[ResultsTab]:
    tab = ResultsTab(viewer)
    tab.resize(380, 700)
    tab.show()
    yield tab
    if "results" in space.kept:
        destroy(tab)


def destroy(tab: ResultsTab) -> None:
    """Take the tab away at once, as closing the window does."""
    tab.deleteLater()
    QCoreApplication.sendPostedEvents(tab, QEvent.Type.DeferredDelete)


@pytest.fixture
def two(tab: ResultsTab, tissue: np.ndarray) -> tuple[Result, Result]:
    space = workspace_of(tab.viewer)
    one = add_placed(tab.viewer, space, "C5 · GEARS", tissue)
    return one, add_placed(tab.viewer, space, "C5 · kNN", tissue + 50, method="knn")


def tick(tab: ResultsTab, *results: Result) -> None:
    for result in results:
        tab.results.cards[result].box.click()


def test_without_results_it_says_the_next_step(tab: ResultsTab) -> None:
    assert tab.results.empty.text() == EMPTY and tab.results.empty.isVisible()
    assert not tab.compare.isVisible() and not tab.actions_panel.isVisible()


def test_a_click_selects_and_a_double_click_inspects(
    tab: ResultsTab, two: tuple[Result, Result], qtbot: Any
) -> None:
    one, other = two
    asked: list[tuple[str, object]] = []
    tab.space.go.connect(lambda where, about: asked.append((where, about)))
    card = tab.results.cards[one]
    qtbot.mouseClick(card, Qt.MouseButton.LeftButton, pos=QPoint(150, 10))
    assert tab.viewer.layers.selection.active is one.layer and tab.model.current is one
    assert not other.layer.visible and asked == []
    qtbot.mouseDClick(card, Qt.MouseButton.LeftButton, pos=QPoint(150, 10))
    assert asked == [("inspect", one.layer)]
    qtbot.keyClick(tab.results.cards[other], Qt.Key.Key_Space)
    assert tab.model.is_ticked(other)
    qtbot.keyClick(tab.results.cards[other], Qt.Key.Key_Return)
    assert asked[-1] == ("inspect", other.layer)


def test_all_fits_a_narrow_dock_with_long_names(
    tab: ResultsTab, two: tuple[Result, Result], tissue: np.ndarray
) -> None:
    result = add_placed(tab.viewer, tab.space, LONG, tissue)
    tick(tab, result, two[0])
    tab.compare.buttons[Look.ARROWS].click()
    QCoreApplication.processEvents()
    assert tab.results.width() <= 380 and tab.compare.width() <= 380
    assert tab.minimumSizeHint().width() <= 360
    for button in (tab.actions_panel.report_button, tab.actions_panel.repeat_button):
        words = button.fontMetrics().horizontalAdvance(button.text())
        assert button.width() >= words + 8, "no word is cut"
    assert LONG in tab.results.cards[result].title.toolTip()
    card = tab.results.cards[two[0]]
    tips = [card.value, card.verdict, *card.beside, *card.details, card.bar]
    assert all(label.toolTip() for label in tips)


def test_each_way_to_look_is_a_button_that_is_left_again(
    tab: ResultsTab, two: tuple[Result, Result]
) -> None:
    tick(tab, *two)
    panel = tab.compare
    assert "median 70.7 µm" in panel.median.text() and "90%" in panel.p90.text()
    for look, button in panel.buttons.items():
        button.click()
        assert panel.stage.look is look and button.isChecked()
        assert sum(b.isChecked() for b in panel.buttons.values()) == 1
        assert panel.timer.isActive() is (look is Look.BLINK)
    assert "column" in panel.buttons[Look.DISAGREEMENT].toolTip()
    assert "distance to C5 · kNN, µm" in two[0].adata.obs
    panel.buttons[Look.DISTORTION].click()
    assert panel.stage.look is None and not any(map(is_passing, tab.viewer.layers))


def test_blinking_ends_when_layers_or_the_tab_go(
    tab: ResultsTab, two: tuple[Result, Result]
) -> None:
    tick(tab, *two)
    panel = tab.compare
    panel.buttons[Look.BLINK].click()
    tab.hide()
    assert not panel.timer.isActive()
    tab.show()
    assert panel.timer.isActive()
    tab.viewer.layers.remove(two[1].layer)
    assert not panel.timer.isActive() and panel.stage.look is None
    assert not panel.buttons[Look.BLINK].isChecked()
    panel.buttons[Look.BLINK].click()
    viewer = tab.viewer
    destroy(tab)
    assert not any(map(is_passing, viewer.layers))
    workspace_of(viewer).results.remove(two[0])


def test_the_slider_moves_the_line_of_the_swipe(
    tab: ResultsTab, two: tuple[Result, Result], qtbot: Any
) -> None:
    tick(tab, *two)
    tab.compare.buttons[Look.SWIPE].click()
    tab.compare.slider.setValue(250)
    low, high = tab.compare.stage.scene.extent
    assert tab.compare.stage.line == pytest.approx(low[1] + (high[1] - low[1]) / 4)
    assert len(tab.viewer.mouse_drag_callbacks) > 0
    tab.compare.buttons[Look.SWIPE].click()
    assert tab.compare.swipe.drag not in tab.viewer.mouse_drag_callbacks


def test_what_cannot_be_compared_is_refused_in_words(
    tab: ResultsTab, two: tuple[Result, Result], tissue: np.ndarray
) -> None:
    strange = table(tissue)
    strange.obs_names = [f"other{i}" for i in range(strange.n_obs)]
    other = tab.space.results.add(Result("other", "place", strange))
    tick(tab, two[0], other)
    assert "matched by their names" in tab.compare.notice.label.text()
    assert not tab.compare.buttons[Look.ARROWS].isVisible()
    tick(tab, other, two[1])
    assert tab.compare.notice.error is None and tab.compare.buttons[Look.ARROWS].isVisible()
    tick(tab, other)
    assert "untick" in tab.compare.hint.text()


def test_measured_places_are_ticked_below_the_results(
    tab: ResultsTab, two: tuple[Result, Result], tissue: np.ndarray, qtbot: Any, tmp_path: Path
) -> None:
    add_slide(tab.viewer, "C5", tissue)
    (box,) = tab.results.boxes
    box.click()
    tick(tab, two[1])
    assert [label.text() for label in tab.compare.names] == ["● C5 · measured", "◆ C5 · kNN"]
    assert tab.actions_panel.curves_action.isEnabled()
    tab.actions_panel.write_curves(str(tmp_path / "knn.png"))
    qtbot.waitUntil(lambda: "Saved" in tab.actions_panel.status.text(), timeout=100_000)
    assert {path.name for path in tmp_path.iterdir()} == {"knn_distances.png", "knn_curves.png"}


def test_a_deleted_result_comes_back_by_undo(tab: ResultsTab, two: tuple[Result, Result]) -> None:
    actions = tab.actions_panel
    actions.delete_button.click()
    assert list(tab.results.cards) == [two[0]] and actions.undo_button.isVisible()
    actions.delete_button.click()
    assert tab.results.empty.isVisible() and actions.undo_button.isVisible()
    actions.undo_button.click()
    actions.undo_button.click()
    assert list(tab.space.results) == list(two) and not actions.undo_button.isVisible()


def test_ticked_results_are_colored_alike(
    tab: ResultsTab, two: tuple[Result, Result], qtbot: Any
) -> None:
    two[1].adata.obs["placement_uncertainty"] = 1.0
    tick(tab, *two)
    tab.actions_panel.refresh()
    field = tab.actions_panel.color
    assert field.index.columns == ["uncertainty", "cell_type", "total counts"]
    field.setText("GENE3")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    keys = [color_key(result.layer) for result in two]
    assert keys[0].title == keys[1].title and keys[0].limits == keys[1].limits
    field.setText("nonsense")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert tab.actions_panel.notice.error is not None


def test_a_result_is_saved_and_exported(
    tab: ResultsTab, two: tuple[Result, Result], tmp_path: Path, qtbot: Any
) -> None:
    actions, result = tab.actions_panel, two[1]
    card = tab.results.cards[result]
    assert card.details[-1].text() == "unsaved"
    actions.save_as(str(tmp_path / "a.h5ad"))
    qtbot.waitUntil(lambda: result.path is not None, timeout=90_000)
    assert card.details[-1].text() == "saved" and (tmp_path / "a.run.json").exists()
    actions.export(str(tmp_path / "a.csv"))
    qtbot.waitUntil(lambda: "a.csv" in actions.status.text(), timeout=90_000)
    assert len(pd.read_csv(tmp_path / "a.csv")) == result.adata.n_obs
    actions.save_as(str(tmp_path / "a.xlsx"))
    qtbot.waitUntil(lambda: actions.notice.error is not None, timeout=90_000)


def test_a_figure_starts_with_the_chosen_result(
    tab: ResultsTab, two: tuple[Result, Result]
) -> None:
    dialog = tab.actions_panel.draw_figure()
    assert dialog.isVisible() and dialog.parent() is tab.actions_panel
    dialog.close()


def test_without_its_job_a_result_has_no_script(
    tab: ResultsTab, two: tuple[Result, Result]
) -> None:
    assert not tab.actions_panel.python_action.isEnabled()
    bare = tab.space.results.add(Result("bare", "place", AnnData(np.zeros((3, 2)))))
    assert tab.model.current is bare and not tab.actions_panel.repeat_button.isEnabled()
    assert tab.results.cards[bare].value.text() == "—"


def test_the_way_to_look_is_kept_with_a_session(
    tab: ResultsTab, two: tuple[Result, Result]
) -> None:
    tick(tab, *two)
    tab.compare.buttons[Look.SWIPE].click()
    kept = json.loads(json.dumps(tab.space.kept["results"].state()))
    assert kept["visible"] == {"C5 · GEARS": True, "C5 · kNN": True}
    tab.compare.buttons[Look.SWIPE].click()
    tick(tab, *two)
    two[1].layer.visible = False
    tab.restore(kept)
    assert tab.model.pair is not None and tab.compare.stage.look is Look.SWIPE
    tab.compare.look(None)
    assert two[1].layer.visible


def test_many_cells_are_compared_in_the_background(
    tab: ResultsTab, two: tuple[Result, Result], monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> None:
    monkeypatch.setattr("napari_spatialrecon.viewer.results.compare_panel.MANY", 10)
    tick(tab, *two)
    assert tab.compare.comparison is None and "Comparing" in tab.compare.status.text()
    qtbot.waitUntil(lambda: tab.compare.comparison is not None, timeout=90_000)
    qtbot.waitUntil(lambda: not tab.compare.status.isVisible(), timeout=90_000)
    assert tab.compare.buttons[Look.ARROWS].isVisible()


@pytest.fixture
def many(
    tab: ResultsTab, two: tuple[Result, Result], monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> ComparePanel:
    """The panel of a comparison that counts as one of many cells."""
    tick(tab, *two)
    monkeypatch.setattr("napari_spatialrecon.viewer.results.compare_panel.MANY", 10)
    return tab.compare


def own(panel: ComparePanel) -> list[str]:
    return [layer.name for layer in panel.viewer.layers if is_passing(layer)]


def once_there(panel: ComparePanel, name: str, act: Callable[[], object]) -> list[str]:
    """Act once a layer was added, between two steps; the list then holds what was there."""
    seen: list[str] = []

    def do() -> None:
        if not seen and panel.drawing:
            seen.extend(own(panel))
            act()

    def wait(event: Any) -> None:
        if name in event.value.name:
            QTimer.singleShot(0, do)

    panel.viewer.layers.events.inserted.connect(wait)
    return seen


def test_a_look_at_many_cells_is_drawn_a_step_at_a_time_and_the_same(
    many: ComparePanel, monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> None:
    for look, button in many.buttons.items():
        button.click()
        assert many.drawing and button.isChecked() and many.status.text() == "Drawing…"
        qtbot.waitUntil(lambda: not many.drawing, timeout=60_000)
        assert many.stage.look is look and button.isChecked() and own(many)
        assert many.slider.isVisibleTo(many) is (look is Look.SWIPE)
        assert "Drawing" not in many.status.text()
        shown = own(many), [layer.visible for layer in many.viewer.layers]
        with monkeypatch.context() as few:
            few.setattr("napari_spatialrecon.viewer.results.compare_panel.MANY", 1_000)
            many.look(None)
            many.look(look)
            assert not many.drawing
        assert shown == (own(many), [layer.visible for layer in many.viewer.layers])
    many.look(None)
    qtbot.waitUntil(lambda: not many.drawing, timeout=60_000)
    assert many.stage.look is None and not own(many)
    assert not any(button.isChecked() for button in many.buttons.values())


def test_a_look_that_is_half_drawn_gives_way_to_another_and_to_none(
    many: ComparePanel, two: tuple[Result, Result], qtbot: Any
) -> None:
    before = list(many.viewer.layers)
    seen = once_there(many, "GEARS", many.buttons[Look.BLINK].click)
    many.buttons[Look.BESIDE].click()
    qtbot.waitUntil(lambda: bool(seen) and not many.drawing, timeout=60_000)
    assert many.stage.look is Look.BLINK and len(own(many)) == 2
    seen = once_there(many, "→", many.buttons[Look.ARROWS].click)
    many.buttons[Look.ARROWS].click()
    qtbot.waitUntil(lambda: bool(seen) and not many.drawing, timeout=60_000)
    assert len(seen) == 1, "the ends of the arrows were still to come"
    assert many.stage.look is None and list(many.viewer.layers) == before
    assert all(result.layer.visible for result in two)


def test_a_layer_removed_while_a_look_is_half_drawn_ends_it(
    many: ComparePanel, two: tuple[Result, Result], qtbot: Any
) -> None:
    seen = once_there(many, "GEARS", lambda: many.viewer.layers.remove(two[1].layer))
    many.buttons[Look.BESIDE].click()
    qtbot.waitUntil(lambda: bool(seen), timeout=60_000)
    assert not many.drawing and many.stage.look is None and not own(many)
    assert two[0].layer.visible and not any(b.isChecked() for b in many.buttons.values())
