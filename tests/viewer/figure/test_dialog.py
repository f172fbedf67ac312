"""The dialog of a figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata
import pytest
from napari.layers import Layer
from PIL import Image as Pixels
from qtpy.QtCore import Qt

from napari_spatialrecon.viewer.figure.dialog import FigureDialog, open_figure
from napari_spatialrecon.viewer.workspace.table_layers import table_layers


@pytest.fixture
def dialog(make_napari_viewer: Any, forgetful: Any, slide: anndata.AnnData) -> FigureDialog:
    """Open on the spots of a slide."""
    viewer = make_napari_viewer()
    forgetful(viewer)
    for layer in table_layers(slide, "C5"):
        viewer.add_layer(Layer.create(*layer))
    return open_figure(viewer, [viewer.layers["C5 spots"]])


def tick(dialog: FigureDialog, row: int, on: bool = True) -> None:
    state = Qt.CheckState.Checked if on else Qt.CheckState.Unchecked
    dialog.panels.item(row, 0).setCheckState(state)


def test_panels_are_previewed_captioned_and_saved(
    dialog: FigureDialog, tmp_path: Path, qtbot: Any
) -> None:
    names = [dialog.panels.item(r, 0).text() for r in range(dialog.panels.rowCount())]
    assert names == ["As in the window", "C5 spots", "C5 H&E"]
    assert [choice.caption for choice in dialog.chosen()] == ["C5 spots"]
    dialog.panels.item(1, 1).setText("ERBB2, as measured")
    tick(dialog, 0)
    dialog.width_mm.setCurrentIndex(1)
    qtbot.waitUntil(lambda: not dialog.preview.pixmap().isNull(), timeout=30_000)
    dialog.save(str(tmp_path / "figure.svg"))
    assert not dialog.save_button.isEnabled() and dialog.cancel_button.isEnabled()
    qtbot.waitUntil(lambda: dialog.said.text().startswith("Saved"), timeout=30_000)
    text = (tmp_path / "figure.svg").read_text()
    assert "b  ERBB2, as measured" in text and text.count('id="scale-bar"') == 2
    qtbot.waitUntil(dialog.save_button.isEnabled)
    dialog.save(str(tmp_path / "figure.png"))
    qtbot.waitUntil(lambda: (tmp_path / "figure.png").exists(), timeout=30_000)
    with Pixels.open(tmp_path / "figure.png") as image:
        assert image.width == pytest.approx(85 / 25.4 * 300, abs=2)
    qtbot.waitUntil(lambda: dialog._drawing is None and dialog._saving is None, timeout=30_000)


def test_nothing_ticked_and_a_folder_that_cannot_be_written_are_said(
    dialog: FigureDialog, tmp_path: Path, qtbot: Any
) -> None:
    tick(dialog, 1, False)
    dialog.draw_preview()
    assert "at least one panel" in dialog.notice.label.text()
    tick(dialog, 0)
    (tmp_path / "a file").write_text("")
    dialog.save(str(tmp_path / "a file" / "figure.png"))
    qtbot.waitUntil(lambda: dialog.notice.error is not None, timeout=30_000)
    assert "writable location" in dialog.notice.label.text() and not dialog.said.text()
    qtbot.waitUntil(lambda: dialog._drawing is None and dialog._saving is None, timeout=30_000)


def test_a_deleted_layer_is_no_longer_offered_and_captions_stay(dialog: FigureDialog) -> None:
    tick(dialog, 0)
    dialog.panels.item(0, 1).setText("all")
    dialog.viewer.layers.remove("C5 spots")
    assert [(c.layer, c.caption) for c in dialog.chosen()] == [(None, "all")]
    dialog.close()
    dialog.viewer.layers.remove("C5 H&E")
