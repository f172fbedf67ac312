from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget

from napari_spatialrecon.viewer.workspace.workspace import Role

PLUGIN = "napari-spatialrecon"


def test_the_next_step_leads_to_a_run_that_is_enabled_and_docks_become_tabs(
    make_napari_viewer: Any, open_tissue: Any, qtbot: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    space = open_tissue(viewer)
    dock, bench = viewer.window.add_plugin_dock_widget(PLUGIN, "Spatial Reconstruction")
    tab = bench.tabs["data"]
    assert len(tab.cards) == 3
    qtbot.mouseClick(tab.steps[0], Qt.MouseButton.LeftButton)
    reconstruct = bench.tabs["reconstruct"]
    assert bench.pages.currentWidget() is reconstruct and reconstruct.task == "place"
    assert reconstruct.current.model.query is space.of_role(Role.QUERY)[0]
    qtbot.waitUntil(reconstruct.current.panel.run_button.isEnabled, timeout=20_000)
    legend, _ = viewer.window.add_plugin_dock_widget(PLUGIN, "Legend")
    window = viewer.window._qt_window
    qtbot.waitUntil(lambda: legend in window.tabifiedDockWidgets(dock), timeout=5_000)
    assert isinstance(legend, QDockWidget)

    slide = space.of_role(Role.SLIDE)[0]
    viewer.layers.remove(slide.layer)
    qtbot.waitUntil(lambda: slide not in tab.cards, timeout=5_000)
    before = [layer.extent.world[0].copy() for layer in viewer.layers]
    tab.beside.click()
    assert not space.tiling.on and len(before) == len(viewer.layers)
