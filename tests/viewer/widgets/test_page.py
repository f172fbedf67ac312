from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices

from napari_spatialrecon.viewer.widgets.page import PageBox


def test_the_brief_opens_the_whole_page(qtbot: Any) -> None:
    box = PageBox("dp-VAE", "# dp-VAE\nin short", more="# dp-VAE\nat length")
    qtbot.addWidget(box)
    assert "in short" in box.text.toPlainText()
    box.more_button.click()
    assert "at length" in box.text.toPlainText() and box.more_button.isHidden()


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
