"""The tab Validate: the time first, then the verdict with its picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import Qt

import napari_spatialrecon as sr
from napari_spatialrecon.tasks.validation import hidden_places
from napari_spatialrecon.viewer.reconstruct.tab import TASKS
from napari_spatialrecon.viewer.validate.job import KINDS, TITLES
from napari_spatialrecon.viewer.validate.tab import ValidateTab
from napari_spatialrecon.viewer.workbench.widget import Workbench

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def bench(make_napari_viewer: Any, open_tissue: Any, qtbot: Any) -> Workbench:
    viewer = make_napari_viewer()
    open_tissue(viewer)
    bench = Workbench(viewer)
    viewer.window.add_dock_widget(bench, name="Spatial Reconstruction")
    viewer.window._qt_window.show()
    return bench


@pytest.fixture
def tab(bench: Workbench, qtbot: Any) -> ValidateTab:
    """The tab, opened by the button beside Run, once it has said the time."""
    bench.go("reconstruct/place")
    place = bench.tabs["reconstruct"].current
    place.inputs.method.setCurrentIndex(place.inputs.method.findData("knn"))
    qtbot.mouseClick(place.panel.validate_button, LEFT)
    tab = bench.tabs["validate"]
    assert bench.pages.currentWidget() is tab and isinstance(tab, ValidateTab)
    assert not tab.run_button.isEnabled() and tab.plan is None
    qtbot.waitUntil(tab.run_button.isEnabled, timeout=60_000)
    return tab


def said(tab: ValidateTab) -> str:
    return "\n".join(text for _, text in tab.checks.lines)


def test_the_verdict_is_shown_with_its_picture_saved_and_removed(
    tab: ValidateTab, qtbot: Any, tmp_path: Path
) -> None:
    assert "37 spots of" in said(tab) and "kNN, Ridge regression" in said(tab)
    assert tab.checks.lines[-1][1].startswith("about ")
    qtbot.mouseClick(tab.run_button, LEFT)
    assert tab.cancel_button.isEnabled() and not tab.run_button.isEnabled()
    qtbot.waitUntil(lambda: bool(tab.cards) and tab.run is None, timeout=60_000)
    card = tab.cards[0]
    found = card.found.validation
    assert card.verdict.text() == found.verdict and "µm" in found.verdict
    assert card.found.name == "Place · kNN · quick"
    dark = card.picture.grab().toImage()
    tab.viewer.theme = "light"
    assert card.picture.grab().toImage() != dark
    tab.save(card.found, str(tmp_path / "checked"))
    qtbot.waitUntil(lambda: tab.where.text() == "Saved checked", timeout=60_000)
    again = sr.Validation.read(tmp_path / "checked")
    assert again.verdict == found.verdict
    assert set(again.record["settings"]) >= {"reference", "query", "preset"}
    assert [one.validation for one in tab.space.validations] == [found]
    qtbot.mouseClick(card.remove_button, LEFT)
    assert not tab.cards and not len(tab.space.validations)


def test_a_canceled_validation_leaves_nothing_and_a_refused_one_says_why(
    tab: ValidateTab, bench: Workbench, qtbot: Any, monkeypatch: Any
) -> None:
    qtbot.mouseClick(tab.run_button, LEFT)
    qtbot.mouseClick(tab.cancel_button, LEFT)
    qtbot.waitUntil(lambda: tab.run is None, timeout=60_000)
    assert not tab.cards and tab.where.text() == "Stopped; nothing was kept."
    qtbot.waitUntil(tab.run_button.isEnabled, timeout=60_000)
    place = bench.tabs["reconstruct"].current
    place.model.use(place.model.references[0], False)
    tab.kind.setCurrentIndex(list(KINDS).index("section"))
    qtbot.waitUntil(lambda: tab.checks.lines[0][0] == "wrong", timeout=60_000)
    assert "Try another Reference, or spots under Hold out." in said(tab)
    assert not tab.run_button.isEnabled()
    monkeypatch.setattr(hidden_places, "missing", lambda signals: ("no pattern in space",))
    tab.kind.setCurrentIndex(0)
    qtbot.waitUntil(tab.run_button.isEnabled, timeout=60_000)
    assert tab.checks.lines[-2] == ("warning", "no pattern in space")
    assert {name: title for name, (title, _, _) in TASKS.items()} == TITLES
    for name in TASKS:
        model = bench.tabs["reconstruct"].show_task(name).model
        assert model.validates
        if not model.missing():
            assert set(model.job().validated()) & {"references", "slide"}


def test_nothing_open_says_what_is_needed(make_napari_viewer: Any, qtbot: Any) -> None:
    bench = Workbench(make_napari_viewer())
    qtbot.addWidget(bench)
    bench.go("validate")
    tab = bench.tabs["validate"]
    assert tab.what.text().startswith("Still needed:") and not tab.run_button.isEnabled()
    tab.choose_button.click()
    assert bench.pages.currentWidget() is bench.tabs["reconstruct"]
