"""Marks that were on the canvas are there again: their dock opens with the session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata
import numpy as np
from napari.layers import Layer

from napari_spatialrecon.viewer.canvas.layers import cells_layer
from napari_spatialrecon.viewer.landmarks.layers import MARKS
from napari_spatialrecon.viewer.session.reading import read_session
from napari_spatialrecon.viewer.session.saving import write_session
from napari_spatialrecon.viewer.session.showing import close_all, show_session
from napari_spatialrecon.viewer.session.snapshot import take
from napari_spatialrecon.viewer.window.docks import dock_of
from napari_spatialrecon.viewer.window.memory import PLUGIN


def test_the_dock_of_landmarks_opens_behind_the_workbench_and_draws_its_marks(
    make_napari_viewer: Any, forgetful: Any, qtbot: Any, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    cells = anndata.AnnData(rng.poisson(2.0, (80, 4)).astype(np.float32))
    cells.obs_names = [f"cell{i}" for i in range(80)]
    cells.obsm["spatial"] = rng.uniform(0, 300, (80, 2))
    cells.obsm["X_layout"] = np.array(cells.obsm["spatial"])
    cells.uns["spatialrecon"] = {"unit": "um", "um_per_unit": 1.0}
    viewer = make_napari_viewer(show=True)
    forgetful(viewer)
    for name in ("others", "cells"):
        viewer.add_layer(Layer.create(*cells_layer(cells.copy(), name=name)))
    _, bench = viewer.window.add_plugin_dock_widget(PLUGIN, "Spatial Reconstruction")
    dock, landmarks = viewer.window.add_plugin_dock_widget(PLUGIN, "Landmarks")
    landmarks.layer.setCurrentIndex(landmarks.layer.findData(viewer.layers["others"]))
    landmarks.begin()
    for cell in (0, 20, 45):
        landmarks.do(lambda s, c=cell: s.model.set_place(c, s.model.start[c] + 50.0))
    qtbot.wait(20)
    dock_of(bench).raise_()
    marks = [landmarks.session.model.marks, viewer.layers[MARKS].data[:3].copy()]
    assert write_session(take(viewer), tmp_path / "mine.spatialrecon") == []
    viewer.window.remove_dock_widget(dock)
    close_all(viewer)
    assert MARKS not in viewer.layers

    notes = show_session(viewer, read_session(tmp_path / "mine.spatialrecon"))
    assert not any("landmarks are set" in note for note in notes)
    opened = viewer.window.dock_widgets[f"Landmarks ({PLUGIN})"]
    assert opened is not landmarks
    assert opened.layer.currentData() is viewer.layers["others"]
    assert opened.session.model.marks == marks[0]
    np.testing.assert_allclose(viewer.layers[MARKS].data, marks[1])
    tabs = viewer.window._qt_window.tabifiedDockWidgets
    qtbot.waitUntil(lambda: dock_of(opened) in tabs(dock_of(bench)), timeout=10_000)
    qtbot.wait(50)
    assert opened.visibleRegion().isEmpty() and not bench.visibleRegion().isEmpty()
