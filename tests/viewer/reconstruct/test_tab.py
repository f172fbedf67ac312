from __future__ import annotations

from typing import Any

import pytest

from napari_spatialrecon.viewer.reconstruct.tab import TASKS, ReconstructTab
from napari_spatialrecon.viewer.workspace.workspace import Role


@pytest.fixture
def tab(make_napari_viewer: Any, open_tissue: Any, qtbot: Any) -> ReconstructTab:
    viewer = make_napari_viewer()
    open_tissue(viewer)
    tab = ReconstructTab(viewer)
    viewer.window.add_dock_widget(tab, name="Reconstruct")
    return tab


def test_tasks_are_made_when_they_are_first_shown_and_share_their_data(
    tab: ReconstructTab,
) -> None:
    assert list(tab.widgets) == ["place"]
    place = tab.current.model
    place.query = tab.space.add("other cells", Role.QUERY, adata=place.query.adata.copy())
    for name, button in tab.buttons.items():
        button.click()
        assert tab.task == name and tab.pages.currentWidget() is tab.current
    assert list(tab.widgets) == list(TASKS)
    assert tab.widgets["deconvolve"].model.reference is place.query
    slide = tab.widgets["super-resolve"].model.slides[-1]
    tab.current.model.slide = slide
    tab.buttons["deconvolve"].click()
    assert tab.current.model.slide is slide


def test_another_tab_opens_a_task_on_an_entry(tab: ReconstructTab) -> None:
    cells = tab.space.add("other cells", Role.QUERY, adata=tab.current.model.query.adata.copy())
    tab.go("deconvolve", cells)
    assert tab.buttons["deconvolve"].isChecked() and tab.current.model.reference is cells
    tab.go("", None)
    tab.go("no such task", "no entry")
    assert tab.task == "deconvolve"


def test_only_the_task_that_is_shown_checks_its_inputs(
    tab: ReconstructTab, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, asked = tab.current, []
    qtbot.waitUntil(lambda: place.panel._checked == place.model.revision, timeout=60_000)
    qtbot.waitUntil(lambda: place.panel._check is None, timeout=60_000)  # none that is still on
    tab.show_task("deconvolve")
    with monkeypatch.context() as patched:
        patched.setattr(place.model, "job", lambda: asked.append(1))
        place.model.choose()
        place.panel._start_check()
    assert not asked
    tab.show_task("place")
    qtbot.waitUntil(place.panel.run_button.isEnabled, timeout=60_000)


def test_a_state_is_returned_to(tab: ReconstructTab) -> None:
    tab.show_task("place").inputs.seed.setValue(7)
    tab.current.inputs.method.setCurrentIndex(tab.current.inputs.method.findData("knn"))
    tab.current.inputs.form.set_values({"neighbours": 9})
    parts = tab.show_task("super-resolve").model
    parts.slide = parts.slides[-1]
    state = tab.state()
    other = ReconstructTab(tab.viewer)
    other.show_task("place").inputs.form.reset_button.native.click()
    other.restore({"task": "gone", "choices": {"place": {"method": "gone"}}})
    assert tab.space.kept["reconstruct"] is other
    other.restore(state)
    assert other.task == "super-resolve" and other.current.model.slide is parts.slide
    place = other.widgets["place"].inputs
    assert place.model.method.name == "knn" and place.model.seed == 7
    assert place.form.config.neighbours == 9
    other.deleteLater()
