from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.layers import Points

from napari_spatialrecon.viewer.figure.dialog import FigureDialog
from napari_spatialrecon.viewer.inspect.tab import InspectTab
from napari_spatialrecon.viewer.window.main_window import main_window


@pytest.fixture
def tab(make_napari_viewer: Any, qtbot: Any) -> InspectTab:
    made = InspectTab(make_napari_viewer())
    qtbot.addWidget(made)
    return made


def test_it_follows_the_selected_layer_whoever_made_it(tab: InspectTab) -> None:
    assert "Nothing is open" in tab.about.text()
    first = tab.viewer.add_points(np.zeros((3, 2)), name="mine")
    second = tab.viewer.add_points(np.zeros((3, 2)), name="other")
    assert tab.layer is second and tab.combo.currentText() == "other"
    tab.combo.setCurrentIndex(tab.combo.findText("mine"))
    tab.combo.activated.emit(tab.combo.currentIndex())
    assert tab.viewer.layers.selection.active is first and tab.layer is first
    assert not tab.about.text()
    tab.viewer.layers.remove(first)
    assert tab.layer is second or tab.layer is None
    assert tab.combo.count() == 1


def test_a_list_that_changes_around_the_layer_leaves_its_parts_alone(
    tab: InspectTab, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tab.viewer.add_points(np.zeros((3, 2)), name="mine")
    shown: list[Any] = []
    for part in tab.parts.values():
        monkeypatch.setattr(part, "show_layer", shown.append)
    tab.viewer.layers.insert(0, Points(np.zeros((3, 2)), name="other"))
    tab.viewer.layers.selection = {mine}
    shown.clear()
    tab.viewer.layers.reverse()
    del tab.viewer.layers["other"]
    assert tab.layer is mine and tab.combo.count() == 1 and not shown
    tab.viewer.layers.clear()
    assert len(shown) >= len(tab.parts) and set(shown) == {None}


def test_it_says_what_applies_to_an_image(tab: InspectTab) -> None:
    tab.viewer.add_image(np.zeros((5, 5)), name="H&E")
    assert tab.layer is None and "layer controls" in tab.about.text()


def test_another_tab_can_ask_for_a_layer(tab: InspectTab) -> None:
    first = tab.viewer.add_points(np.zeros((3, 2)), name="mine")
    tab.viewer.add_points(np.zeros((3, 2)), name="other")
    tab.go("", first)
    assert tab.layer is first


def test_a_figure_is_drawn_of_what_is_open(tab: InspectTab) -> None:
    assert not tab.figure.isEnabled()
    tab.viewer.add_points(np.zeros((3, 2)), name="mine")
    tab.figure.click()
    (dialog,) = main_window(tab.viewer).findChildren(FigureDialog)
    assert [choice.layer for choice in dialog.chosen()] == [None]
    dialog.close()
