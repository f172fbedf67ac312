"""Tab, focus and the mouse wheel in every widget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractSlider, QAbstractSpinBox, QComboBox, QScrollBar, QWidget

from napari_spatialrecon.viewer.align.widget import AlignToHistology
from napari_spatialrecon.viewer.landmarks.widget import LandmarksWidget
from napari_spatialrecon.viewer.legend.widget import LegendWidget
from napari_spatialrecon.viewer.reconstruct.tab import TASKS, ReconstructTab
from napari_spatialrecon.viewer.task.widget import TaskWidget
from napari_spatialrecon.viewer.train_encoder.widget import TrainEncoder
from napari_spatialrecon.viewer.window.tones import tones

MOST_TABS = 12


@pytest.fixture
def tab(make_napari_viewer: Any, open_tissue: Any, qtbot: Any) -> ReconstructTab:
    viewer = make_napari_viewer()
    open_tissue(viewer)
    tab = ReconstructTab(viewer)
    viewer.window.add_dock_widget(tab, name="Reconstruct")
    return tab


def stops(first: QWidget, last: QWidget) -> list[QWidget]:
    """Return where Tab stops after the first and up to the last, if all is enabled."""
    found, at = [], first
    while at is not last:
        at = at.nextInFocusChain()
        assert at is not first, "Tab does not get there"
        seen = at.isVisibleTo(at.window()) and bool(at.focusPolicy() & Qt.FocusPolicy.TabFocus)
        if seen and (at.isEnabled() or at is last):
            found.append(at)
    return found


@pytest.mark.parametrize("task", TASKS)
def test_few_tabs_lead_from_the_data_to_run_in_the_order_of_the_window(
    tab: ReconstructTab, task: str
) -> None:
    widget: TaskWidget = tab.show_task(task)
    inputs, run = widget.inputs, widget.panel.run_button
    for index in range(inputs.method.count()):
        inputs.method.setCurrentIndex(index)
        first = inputs.chips if task == "place" else inputs.slide
        found = stops(first, run)
        assert len(found) <= MOST_TABS, found
        fields = [found.index(part) for part in (inputs.method, inputs.settings_button)]
        preset = found.index(inputs.form.preset.native)
        assert fields == sorted(fields) and fields[-1] < preset < len(found) - 1


def test_the_wheel_changes_no_field_of_any_widget(
    tab: ReconstructTab, qtbot: Any, wheel_taken: Callable[[QWidget, int], bool]
) -> None:
    others = [TrainEncoder, LandmarksWidget, AlignToHistology, LegendWidget]
    widgets: list[QWidget] = [*map(tab.show_task, TASKS)]
    for kind in others:
        widgets.append(kind(tab.viewer))
        qtbot.addWidget(widgets[-1])
    fields = [
        field
        for widget in widgets
        for kind in (QComboBox, QAbstractSpinBox, QAbstractSlider)
        for field in widget.findChildren(kind)
        if not isinstance(field, QScrollBar)
    ]
    assert len(fields) > 40
    taken = {f for f in fields for angle in (-120, 120) if wheel_taken(f, angle)}
    assert not taken, "\n".join(f"{type(f).__name__} {f.toolTip()} {f.parent()}" for f in taken)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_what_has_the_focus_has_a_ring_and_keeps_its_size(
    tab: ReconstructTab, theme: str, qtbot: Any
) -> None:
    tab.viewer.theme = theme
    window = tab.viewer.window._qt_window
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    inputs = tab.current.inputs
    ring = QColor(tones(tab.viewer).accent)
    for part in (inputs.method, inputs.settings_button, inputs.form.preset.native, inputs.chips):
        before = part.size()
        part.setFocus()
        qtbot.waitUntil(part.hasFocus)
        image = part.grab().toImage()
        edge = {image.pixelColor(x, 0).name() for x in range(4, part.width() - 4)}
        assert ring.name() in edge, (type(part), edge)
        assert part.size() == before
