from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices, QTextDocument
from qtpy.QtWidgets import QWidget

from napari_spatialrecon.viewer.widgets.page import PageBox, open_page


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A page that leads to one for developers, with a picture wider than the window."""
    folder = tmp_path / "methods"
    folder.mkdir()
    (tmp_path / "wide.png").write_bytes(b"")
    Image.fromarray(np.zeros((50, 2000, 3), np.uint8)).save(tmp_path / "wide.png")
    (folder / "more.md").write_text("# At length\n\n## Its limits\n\nnone")
    return folder


def test_a_link_opens_another_page_here_and_back_returns(qtbot: Any, docs: Path) -> None:
    box = PageBox("dp-VAE", "# dp-VAE\n\n[all](more.md#its-limits)", folder=docs)
    qtbot.addWidget(box)
    assert box.back_button.isHidden()
    box.text.anchorClicked.emit(QUrl("more.md#its-limits"))
    assert "At length" in box.text.toPlainText() and not box.back_button.isHidden()
    assert box.text.textCursor().block().text() == "Its limits"
    box.back_button.click()
    assert "dp-VAE" in box.text.toPlainText() and box.back_button.isHidden()


def test_a_picture_is_no_wider_than_the_window(qtbot: Any, docs: Path) -> None:
    box = PageBox("dp-VAE", "![a wide picture](../wide.png)", folder=docs)
    qtbot.addWidget(box)
    picture = box.text.loadResource(
        QTextDocument.ResourceType.ImageResource.value, QUrl("../wide.png")
    )
    assert 300 < picture.width() < box.width()


def test_the_button_of_a_widget_opens_a_page_of_the_docs(qtbot: Any) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    box = open_page(parent, "validate.md", "Validation")
    assert "What is held out" in box.text.toPlainText()


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
