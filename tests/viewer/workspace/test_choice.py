"""A file that holds several slides asks which to open, and opens each that is chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialogButtonBox

from napari_spatialrecon.errors import ChoiceError, InputError
from napari_spatialrecon.tissue import read
from napari_spatialrecon.tissue.formats.options import ReadOptions
from napari_spatialrecon.viewer.task.script import reading
from napari_spatialrecon.viewer.workspace.choice import ChoiceDialog
from napari_spatialrecon.viewer.workspace.opening import open_table
from napari_spatialrecon.viewer.workspace.tables import slide_table
from napari_spatialrecon.viewer.workspace.workspace import Role, workspace_of

PLUGIN = "napari-spatialrecon"


@pytest.fixture
def viewer(make_napari_viewer: Any, forgetful: Any) -> Any:
    made = make_napari_viewer()
    forgetful(made)
    return made


@pytest.fixture
def several(slide: anndata.AnnData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of three slides, A, B and C, with a note on each."""
    path = tmp_path / "all.h5ad"
    slide.write_h5ad(path)

    def read_several(path: Any, options: ReadOptions, **_: Any) -> anndata.AnnData:
        if options.library is None:
            raise ChoiceError("libraries", "library", ["A", "B", "C"], where=str(path))
        adata = slide.copy()
        adata.uns["spatialrecon"] = {
            "unit": "px",
            "read": {"format": "h5ad", "library": options.library},
            "notes": np.array([f"only {options.library} was read."]),
        }
        return adata

    monkeypatch.setattr(read, "read_with", read_several)
    return path


def dialog_of(viewer: Any, qtbot: Any) -> ChoiceDialog:
    window = viewer.window._qt_window
    qtbot.waitUntil(lambda: bool(window.findChildren(ChoiceDialog)), timeout=20_000)
    return window.findChildren(ChoiceDialog)[-1]


def test_two_of_three_are_chosen_with_mouse_and_keys(
    viewer: Any, several: Path, qtbot: Any
) -> None:
    viewer.window._qt_viewer._qt_open([str(several)], stack=False, plugin=PLUGIN)
    dialog = dialog_of(viewer, qtbot)
    qtbot.waitExposed(dialog)
    assert [dialog.list.item(i).text() for i in range(3)] == ["A", "B", "C"]
    at = dialog.list.visualItemRect(dialog.list.item(2)).center()
    qtbot.mouseClick(dialog.list.viewport(), Qt.LeftButton, Qt.ControlModifier, at)
    qtbot.keyClick(dialog.list, Qt.Key_Return)
    qtbot.waitUntil(lambda: len(viewer.layers) == 4, timeout=20_000)
    space = workspace_of(viewer)
    slides = space.of_role(Role.SLIDE)
    assert [entry.read for entry in slides] == [{"library": "A"}, {"library": "C"}]
    assert [layer.name for layer in viewer.layers][1::2] == ["all · A spots", "all · C spots"]
    assert "only A was read." in slides[0].notes
    table = slide_table(slides[1], "C")
    assert reading({"slide": table}) == [f"slide = sr.read_adata({str(several)!r}, library='C')"]


def test_nothing_selected_cannot_be_opened_and_escape_opens_nothing(
    viewer: Any, several: Path, qtbot: Any
) -> None:
    viewer.window._qt_viewer._qt_open([str(several)], stack=False, plugin=PLUGIN)
    dialog = dialog_of(viewer, qtbot)
    dialog.list.clearSelection()
    assert not dialog.open_button.isEnabled()
    box = dialog.findChild(QDialogButtonBox)
    qtbot.mouseClick(box.button(QDialogButtonBox.Cancel), Qt.LeftButton)
    qtbot.wait(50)
    assert not viewer.layers and len(workspace_of(viewer)) == 0


def test_a_widget_gets_each_table_that_was_chosen(viewer: Any, several: Path, qtbot: Any) -> None:
    entries: list[Any] = []
    errors: list[Exception] = []
    open_table(
        viewer,
        several,
        Role.SLIDE,
        parent=viewer.window._qt_window,
        opened=entries.append,
        failed=errors.append,
    )
    dialog = dialog_of(viewer, qtbot)
    dialog.list.selectAll()
    qtbot.mouseClick(dialog.open_button, Qt.LeftButton)
    qtbot.waitUntil(lambda: len(entries) == 3, timeout=20_000)
    assert {entry.read["library"] for entry in entries} == {"A", "B", "C"} and not errors


def test_a_script_is_told_what_there_is(viewer: Any, several: Path) -> None:
    with pytest.raises(InputError, match="A, B, C"):
        read.read_adata(several)
