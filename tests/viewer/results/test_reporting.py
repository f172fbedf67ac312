"""Report… in the tab Results."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog

from napari_spatialrecon.viewer.results import actions
from napari_spatialrecon.viewer.results.tab import ResultsTab
from napari_spatialrecon.viewer.workspace.results import Result
from napari_spatialrecon.viewer.workspace.workspace import Workspace

from .conftest import add_placed, table


@pytest.fixture
def tab(viewer: ViewerModel, space: Workspace, qtbot: Any) -> Iterator[ResultsTab]:
    tab = ResultsTab(viewer)
    qtbot.addWidget(tab)
    tab.resize(380, 700)
    tab.show()
    yield tab


def test_the_chosen_result_is_told_on_a_page_that_is_opened(
    tab: ResultsTab,
    space: Workspace,
    tissue: np.ndarray,
    qtbot: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    asked = tmp_path / "C5"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(asked), ""))
    add_placed(tab.viewer, space, "C5 · GEARS", tissue)
    panel = tab.actions_panel
    panel.report_button.click()
    page = tmp_path / "C5.html"
    qtbot.waitUntil(lambda: bool(opened), timeout=60_000)
    assert opened == [str(page)] and panel.status.text() == "Saved C5.html"
    html = page.read_text(encoding="utf-8")
    assert "C5 · GEARS" in html and "414 µm" in html


def test_all_ticked_results_are_on_one_page(
    tab: ResultsTab, space: Workspace, tissue: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[list[str]] = []

    def write(results: Any, path: str, *_: Any) -> Path:
        told.append([result.name for result in results])
        return Path(path)

    monkeypatch.setattr(actions, "write_report", write)
    monkeypatch.setattr(
        actions.Actions, "_in_background", lambda _, work, *more: work(print, lambda: False)
    )
    for name in ("one", "two", "three"):
        add_placed(tab.viewer, space, name, tissue)
    panel = tab.actions_panel
    panel.report("page.html")
    for result in [*space.results][:2]:
        tab.model.tick(result)
    panel.report("page.html")
    assert told == [["three"], ["one", "two"]]


def test_an_encoder_has_no_report(tab: ResultsTab, space: Workspace, tissue: np.ndarray) -> None:
    space.results.add(Result("encoder", "train-encoder", table(tissue), {}))
    assert not tab.actions_panel.report_button.isEnabled()
    space.results.add(Result("C5", "place", table(tissue), {}))
    assert tab.actions_panel.report_button.isEnabled()
