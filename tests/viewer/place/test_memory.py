"""Placing that may not fit the memory: the warning, the question, and its three answers."""

from __future__ import annotations

import re
from typing import Any

import pytest
from qtpy.QtWidgets import QApplication

from napari_spatialrecon.tasks import memory
from napari_spatialrecon.viewer.place.widget import PlaceCells
from napari_spatialrecon.viewer.task.memory import MemoryBox
from napari_spatialrecon.viewer.task.model import State


@pytest.fixture
def widget(
    make_napari_viewer: Any, open_tissue: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> PlaceCells:
    """Docked, with a tiny tissue, COME chosen and checked, and less free than COME takes."""
    monkeypatch.setattr(memory, "free_memory", lambda: 6e8)
    viewer = make_napari_viewer()
    open_tissue(viewer)
    widget = PlaceCells(viewer)
    viewer.window.add_dock_widget(widget, name="Place cells")
    box = widget.inputs.method
    box.setCurrentIndex(box.findData("come"))
    qtbot.waitUntil(lambda: any("free" in text for _, text in warned(widget)), timeout=60_000)
    qtbot.waitUntil(widget.panel.run_button.isEnabled, timeout=60_000)
    return widget


def warned(widget: PlaceCells) -> list[tuple[str, str]]:
    return [line for line in widget.panel.checks.lines if line[0] == "warning"]


def asked() -> list[MemoryBox]:
    shown = QApplication.topLevelWidgets()
    return [box for box in shown if isinstance(box, MemoryBox) and box.isVisible()]


def test_the_checks_say_so_and_name_what_fits(widget: PlaceCells) -> None:
    text = next(text for _, text in warned(widget) if "memory" in text)
    assert "of memory expected, 600 MB free" in text
    assert re.search(r"Try GEARS under Method, which takes about 3\d\d MB", text)


def test_run_asks_and_cancel_starts_nothing(widget: PlaceCells, qtbot: Any) -> None:
    widget.panel.run_button.click()
    (box,) = asked()
    assert "600 MB free" in box.text() and not widget.model.running
    assert box.smaller_button.text() == "Use GEARS"
    box.cancel_button.click()
    qtbot.waitUntil(lambda: not asked())
    assert widget.model.state is State.READY and not widget.model.running


def test_run_all_the_same_runs_without_asking_again(
    widget: PlaceCells, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    warned: list[str] = []
    monkeypatch.setattr(memory.warnings, "warn", lambda text, **_: warned.append(text))
    widget.inputs.form.set_values({"steps": 2})
    widget.panel._start_check()
    qtbot.waitUntil(widget.panel.run_button.isEnabled, timeout=60_000)
    widget.panel.run_button.click()
    (box,) = asked()
    box.run_button.click()
    assert widget.model.running
    qtbot.waitUntil(lambda: not widget.model.running, timeout=120_000)
    assert widget.model.state is State.DONE and not asked()
    assert not [text for text in warned if "may not fit" in str(text)]


def test_the_smaller_way_is_run_in_its_place(
    widget: PlaceCells, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(widget.panel, "start", lambda: started.append(widget.model.method.name))
    started: list[str] = []
    type(widget.panel).start(widget.panel)
    (box,) = asked()
    box.smaller_button.click()
    assert started == ["gears"] and widget.inputs.method.currentData() == "gears"
