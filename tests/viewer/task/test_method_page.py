from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices

from napari_spatialrecon.methods.registry import METHODS, MethodInfo, find_method
from napari_spatialrecon.viewer.task.method_page import method_page
from napari_spatialrecon.viewer.widgets.page import PageBox


@pytest.mark.parametrize("info", METHODS, ids=lambda info: f"{info.tasks[0]}-{info.name}")
def test_every_method_has_a_page(info: MethodInfo) -> None:
    assert method_page(info).startswith("#")


def test_baselines_share_a_page() -> None:
    assert method_page(find_method("knn", "place")) == method_page(find_method("ridge", "place"))


def test_a_method_without_a_page_says_what_its_class_does() -> None:
    location = "napari_spatialrecon.methods.ensemble.base:EnsembleMethod"
    info = MethodInfo("new", "New", ("place",), "Assumes little.", location, location)
    page = method_page(info)
    assert page.startswith("# New\n\nAssumes little.") and "join the layouts" in page


def test_links_to_the_web_open_outside_and_others_not(
    qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    box = PageBox("dp-VAE", "# dp-VAE\n[a](https://example.org/) [b](../benchmarks.md)")
    qtbot.addWidget(box)
    assert box.text.toPlainText().startswith("dp-VAE")
    for link in ("https://example.org/", "../benchmarks.md"):
        box.text.anchorClicked.emit(QUrl(link))
    assert opened == ["https://example.org/"]
