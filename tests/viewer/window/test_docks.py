"""Where docks of ours go in napari's window."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QDockWidget, QWidget

from napari_spatialrecon.viewer.window import docks
from napari_spatialrecon.viewer.window.docks import has_joined, share_tabs
from napari_spatialrecon.viewer.window.worker import Run


def opened(viewer: Any, title: str) -> QDockWidget:
    """Open a dock of ours that takes its place before Qt has deleted what was removed."""
    widget = QWidget()
    share_tabs(widget)
    dock = viewer.window.add_dock_widget(widget, name=title)
    for _ in range(1000):
        QApplication.processEvents()
        if has_joined(widget):
            break
    return dock


def test_a_second_dock_is_a_tab_beside_the_first(make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer(show=True)
    first, second = (opened(viewer, title) for title in ("Place cells", "Legend"))
    assert viewer.window._qt_window.tabifiedDockWidgets(first) == [second]


def test_a_dock_opened_after_another_was_removed_lies_beside_the_canvas(
    make_napari_viewer: Any,
) -> None:
    viewer = make_napari_viewer(show=True)
    window = viewer.window._qt_window
    viewer.window.remove_dock_widget(opened(viewer, "Place cells"))
    second = opened(viewer, "Legend")
    assert window.dockWidgetArea(second) == Qt.DockWidgetArea.RightDockWidgetArea
    assert second.geometry().left() >= window.centralWidget().geometry().right()


def test_a_closed_dock_takes_its_widget_along_once_its_runs_have_ended(
    make_napari_viewer: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docks, "RUNS_MS", 20)
    viewer, ends, gone, returned = make_napari_viewer(show=True), threading.Event(), [], []
    dock = opened(viewer, "Place cells")
    widget = dock.widget()
    widget.destroyed.connect(lambda: gone.append("widget"))
    run = Run(lambda *_: ends.wait(30), "Placing", parent=widget, light=True)
    run.returned.connect(returned.append)
    run.start()
    del run
    dock.destroyOnClose()
    qtbot.wait(100)
    assert not gone, "a run that goes on is not lost"
    ends.set()
    qtbot.waitUntil(lambda: bool(gone), timeout=10_000)
    assert returned == [True]
