"""Where docks of ours go in napari's window."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QDockWidget, QWidget

from napari_spatialrecon.viewer.window.docks import has_joined, share_tabs


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
