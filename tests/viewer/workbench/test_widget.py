from __future__ import annotations

from napari_spatialrecon.viewer.workbench.widget import Workbench
from napari_spatialrecon.viewer.workspace.workspace import workspace_of


def test_the_workspace_opens_the_tab_that_is_asked_for(make_napari_viewer, qtbot) -> None:
    viewer = make_napari_viewer()
    bench = Workbench(viewer)
    qtbot.addWidget(bench)
    workspace_of(viewer).go.emit("results", None)
    assert bench.pages.currentWidget() is bench.tabs["results"]
    kept = bench.state()
    workspace_of(viewer).go.emit("data", None)
    bench.restore(kept)
    assert bench.pages.currentWidget() is bench.tabs["results"]
