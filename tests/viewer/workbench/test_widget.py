from __future__ import annotations

import numpy as np
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication

from napari_spatialrecon.viewer.inspect.color_part import ColorPart
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


def test_a_deleted_workbench_is_asked_for_nothing_while_python_still_holds_it(
    make_napari_viewer,
) -> None:
    viewer = make_napari_viewer()
    layer = viewer.add_points(np.random.default_rng(0).uniform(size=(9, 2)))
    bench = Workbench(viewer)
    part = bench.tabs["inspect"].parts[ColorPart]
    part.show_layer(layer)
    bench.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    workspace_of(viewer).go.emit("data", None)
    layer.face_color = "red"
    layer.features = {"a": np.arange(9)}
    assert part.layer is None
