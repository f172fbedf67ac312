"""The way of a biologist through the workbench, on real tissue, in one window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog

from napari_spatialrecon.viewer.canvas.colors import color_key
from napari_spatialrecon.viewer.inspect.color_part import ColorPart
from napari_spatialrecon.viewer.inspect.lasso_part import LassoPart
from napari_spatialrecon.viewer.results.looks import Look
from napari_spatialrecon.viewer.workbench.widget import Workbench

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
METHODS = ("knn", "ridge")
"""The two that need no training."""


@pytest.fixture
def files(realdata: Path, tmp_path: Path) -> list[Path]:
    """A section of a breast cancer as the slide, and the spots of another without their places."""
    cells = anndata.read_h5ad(realdata / "st_her2_he" / "C5.h5ad")
    del cells.obsm["spatial"], cells.uns["spatial"]
    half = np.arange(cells.n_obs) % 2 == 0
    cells.obs = pd.DataFrame({"type": np.where(half, "one", "other")}, cells.obs_names)
    cells.write_h5ad(tmp_path / "cells.h5ad")
    return [realdata / "st_her2_he" / "C3.h5ad", tmp_path / "cells.h5ad"]


@pytest.fixture
def bench(make_napari_viewer: Any, forgetful: Any, qtbot: Any) -> Workbench:
    viewer = make_napari_viewer(show=True)
    forgetful(viewer)
    bench = Workbench(viewer)
    viewer.window.add_dock_widget(bench, name="Spatial Reconstruction")
    qtbot.waitExposed(viewer.window._qt_window)
    return bench


def turn_to(bench: Workbench, tab: str, qtbot: Any) -> Any:
    bar = bench.pages.tabBar()
    number = [bar.tabText(i) for i in range(bar.count())].index(tab.capitalize())
    qtbot.mouseClick(bar, LEFT, pos=bar.tabRect(number).center())
    assert bench.pages.currentWidget() is bench.tabs[tab]
    return bench.tabs[tab]


def drop(bench: Workbench, files: list[Path], qtbot: Any) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in files])
    tab: Any = bench.tabs["data"]
    tab.dropEvent(QDropEvent(QPointF(9, 9), Qt.DropAction.CopyAction, mime, LEFT, NONE))
    qtbot.waitUntil(lambda: len(tab.cards) >= 2 and bool(tab.steps), timeout=60_000)


def place(bench: Workbench, method: str, qtbot: Any) -> Any:
    """Run a method on what is chosen, and return the layer of its result."""
    task: Any = bench.tabs["reconstruct"].current
    task.inputs.method.setCurrentIndex(task.inputs.method.findData(method))
    qtbot.waitUntil(task.panel.run_button.isEnabled, timeout=60_000)
    before = len(bench.space.results)
    qtbot.mouseClick(task.panel.run_button, LEFT)
    qtbot.waitUntil(lambda: len(bench.space.results) > before, timeout=60_000)
    assert task.model.error is None
    return task.layer


def lasso(bench: Workbench, layer: Any, qtbot: Any) -> np.ndarray:
    """Draw around the left half of a layer's cells with the mouse, and return those inside."""
    viewer = bench.viewer
    canvas = viewer.window._qt_viewer.canvas.native
    places = np.array([layer.data_to_world(yx)[-2:] for yx in layer.data])
    middle = np.array([canvas.height(), canvas.width()]) / 2
    camera = viewer.scene.camera
    (top, left), (bottom, _) = places.min(axis=0) - 60.0, places.max(axis=0) + 60.0
    right = float(np.median(places[:, 1]))
    corners = [(top, left), (bottom, left), (bottom, right), (top, right)]
    pixels = (np.array(corners) - np.asarray(camera.center)[-2:]) * camera.zoom + middle
    path = [QPoint(round(x), round(y)) for y, x in pixels]
    QTest.mousePress(canvas, LEFT, NONE, path[0])
    for at in path[1:]:
        QTest.mouseMove(canvas, at)
        qtbot.wait(30)  # vispy hears a hundred moves a second
    QTest.mouseRelease(canvas, LEFT, NONE, path[-1])
    return np.flatnonzero(places[:, 1] < right)


def looks_of(bench: Workbench) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for layer in bench.viewer.layers:
        key = color_key(layer) if hasattr(layer, "face_color") else None
        title = None if key is None else key.title
        found.append((layer.name, layer.visible, title, layer.extent.world.round(3).tolist()))
    return found


@pytest.mark.realdata
def test_from_two_dropped_files_to_a_session_that_is_opened_again(
    bench: Workbench, files: list[Path], tmp_path: Path, qtbot: Any, monkeypatch: Any
) -> None:
    viewer = bench.viewer
    drop(bench, files, qtbot)
    qtbot.mouseClick(bench.tabs["data"].steps[0], LEFT)  # type: ignore[attr-defined]
    first = place(bench, METHODS[0], qtbot)
    assert len(first.data) == 181 and first.visible and not viewer.layers["C3 spots"].visible

    inspect = turn_to(bench, "inspect", qtbot)
    for layer, name in ((viewer.layers["C3 spots"], "ERBB2"), (first, "type")):
        viewer.layers.selection = {layer}
        search = inspect.parts[ColorPart].search
        qtbot.mouseClick(search, LEFT)
        qtbot.keyClicks(search, name)
        qtbot.keyClick(search, Qt.Key.Key_Return)
        assert color_key(layer).title.startswith(name)

    part = inspect.parts[LassoPart]
    qtbot.wait(100)
    qtbot.mouseClick(part.button, LEFT)
    inside = lasso(bench, first, qtbot)
    selected = bench.space.selection.rows_in(first)
    assert len(np.setxor1d(selected, inside)) <= 3 and 80 < len(selected) < 100
    assert f"{len(selected)} of 181" in part.about.text()
    qtbot.mouseClick(part.button, LEFT)
    qtbot.mouseClick(part.genes.test, LEFT)
    qtbot.waitUntil(
        lambda: part.genes.view.found is not None and part.genes.run is None, timeout=60_000
    )
    assert {"log2_fold_change", "p_adjusted"} <= set(part.genes.view.found)

    turn_to(bench, "reconstruct", qtbot)
    second = place(bench, METHODS[1], qtbot)
    assert np.array_equal(bench.space.selection.rows_in(second), selected)
    results = turn_to(bench, "results", qtbot)
    for card in results.results.cards.values():
        card.box.click()
    qtbot.mouseClick(results.compare.buttons[Look.ARROWS], LEFT)
    assert results.compare.stage.arrows == 181 and "µm" in results.compare.median.text()
    qtbot.mouseClick(results.compare.buttons[Look.ARROWS], LEFT)

    bar, folder, before = bench.session, tmp_path / "story.spatialrecon", looks_of(bench)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(folder), ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: str(folder))
    with qtbot.waitSignal(bar.keeper.told, timeout=60_000):
        qtbot.mouseClick(bar.save_button, LEFT)
    assert not bench.space.results.unsaved
    viewer.layers.remove(first.name)
    qtbot.mouseClick(bar.open_button, LEFT)
    with qtbot.waitSignal(bar.keeper.told, timeout=60_000):
        qtbot.mouseClick(bar.keeper.asked.replace_button, LEFT)
    assert looks_of(bench) == before and len(bench.space.results) == 2
    assert np.array_equal(bench.space.selection.rows_in(viewer.layers[first.name]), selected)
