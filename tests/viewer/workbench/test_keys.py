"""The focus in the workbench: its ring, and the way of Tab from the data to Run."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QApplication, QWidget

from napari_spatialrecon.viewer.window.tones import tones
from napari_spatialrecon.viewer.workbench.widget import Workbench

MOST_TABS = 12


@pytest.fixture
def bench(make_napari_viewer: Any, open_tissue: Any, qtbot: Any) -> Workbench:
    viewer = make_napari_viewer()
    open_tissue(viewer)
    bench = Workbench(viewer)
    viewer.window.add_dock_widget(bench, name="Spatial Reconstruction")
    window = viewer.window._qt_window
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    return bench


def focus(widget: QWidget, qtbot: Any) -> None:
    widget.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(widget.hasFocus)


def test_few_tabs_lead_from_the_next_step_to_run(bench: Workbench, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: bool(bench.tabs["data"].steps))
    step = bench.tabs["data"].steps[0]
    focus(step, qtbot)
    qtbot.keyClick(step, Qt.Key.Key_Space)
    assert bench.pages.currentWidget() is bench.tabs["reconstruct"]
    run = bench.tabs["reconstruct"].current.panel.run_button
    qtbot.waitUntil(run.isEnabled, timeout=20_000)
    stops: list[QWidget | None] = []
    while not run.hasFocus() and len(stops) < 30:
        at = QApplication.focusWidget()
        qtbot.keyClick(at, Qt.Key.Key_Tab)
        stops.append(QApplication.focusWidget())
    assert run.hasFocus() and len(stops) <= MOST_TABS, stops


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_every_tab_rings_what_has_the_focus(bench: Workbench, theme: str, qtbot: Any) -> None:
    bench.viewer.theme = theme
    ring = QColor(tones(bench.viewer).accent).name()
    parts = {
        "data": bench.tabs["data"].open_button,
        "inspect": bench.tabs["inspect"].figure,
        "results": bench.session.save_button,
    }
    for name, part in parts.items():
        bench.go(name)
        focus(part, qtbot)
        image = part.grab().toImage()
        edge = {image.pixelColor(x, 0).name() for x in range(4, part.width() - 4)}
        assert ring in edge, (name, edge)


def test_the_focus_stays_among_the_buttons_of_a_run(bench: Workbench, qtbot: Any) -> None:
    bench.go("reconstruct/place")
    widget = bench.tabs["reconstruct"].current
    widget.inputs.method.setCurrentIndex(widget.inputs.method.findData("knn"))
    panel = widget.panel
    qtbot.waitUntil(panel.run_button.isEnabled, timeout=20_000)
    focus(panel.run_button, qtbot)
    qtbot.keyClick(panel.run_button, Qt.Key.Key_Space)
    assert widget.model.running and panel.cancel_button.hasFocus()
    qtbot.waitUntil(lambda: not widget.model.running, timeout=60_000)
    assert panel.run_button.hasFocus()


def test_the_focus_stays_where_it_is_if_no_button_of_a_run_has_it(
    bench: Workbench, qtbot: Any
) -> None:
    bench.go("reconstruct/place")
    widget = bench.tabs["reconstruct"].current
    focus(widget.inputs.settings_button, qtbot)
    widget.panel.refresh()
    assert widget.inputs.settings_button.hasFocus()
