from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QCoreApplication

from napari_spatialrecon.viewer.results.stage import Look
from napari_spatialrecon.viewer.results.tab import ResultsTab

from .conftest import add_placed


@pytest.fixture
def tab(make_napari_viewer: Any, forgetful: Any, qtbot: Any, tissue: np.ndarray) -> ResultsTab:
    viewer = make_napari_viewer()
    space = forgetful(viewer)
    tab = ResultsTab(viewer)
    viewer.window.add_dock_widget(tab, name="Results")
    add_placed(viewer, space, "C5 · GEARS", tissue)
    add_placed(viewer, space, "C5 · kNN", tissue + 50, method="knn")
    return tab


def test_smoke(tab: ResultsTab, qtbot: Any) -> None:
    cards = list(tab.results.cards.values())
    assert len(cards) == 2
    for card in cards:
        card.box.click()
    assert tab.compare.comparison is not None
    for look, button in tab.compare.buttons.items():
        button.click()
        assert tab.compare.stage.look is look
        QCoreApplication.processEvents()
    tab.compare.buttons[Look.DISTORTION].click()
    assert tab.compare.stage.look is None
