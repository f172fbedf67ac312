"""Where a result is saved: the name that was typed, and another place where one is full."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_spatialrecon.errors import InputError, WriteError
from napari_spatialrecon.viewer.widgets.saving import ask_where, offer_elsewhere

TABLES, SPATIALDATA = "Tables (*.h5ad)", "SpatialData (*.zarr)"
FULL = WriteError("Expected enough disk space, found the disk full.", remedy="Try another folder.")


def test_another_place_is_offered_and_asked_for(qtbot):
    parent, asked = QWidget(), []
    qtbot.addWidget(parent)
    parent.show()
    offer_elsewhere(parent, lambda: asked.append("where"), FULL)
    (box,) = parent.findChildren(QMessageBox)
    assert "found the disk full" in box.text() and "still open" in box.informativeText()
    (button,) = [b for b in box.buttons() if b.text() == "Save elsewhere…"]
    button.click()
    assert asked == ["where"]


def test_nothing_is_offered_for_another_error(qtbot):
    parent = QWidget()
    qtbot.addWidget(parent)
    offer_elsewhere(parent, lambda: None, InputError("Expected a name, found none."))
    assert not parent.findChildren(QMessageBox)


@pytest.mark.parametrize(
    ("typed", "chosen", "path"),
    [
        ("/a/run.h5ad", TABLES, "/a/run.h5ad"),
        ("/a/run", TABLES, "/a/run.h5ad"),
        ("/a/run", SPATIALDATA, "/a/run.zarr"),
        ("/a/run.h5ad", SPATIALDATA, "/a/run.zarr"),
        ("/a/batch 1.2", SPATIALDATA, "/a/batch 1.2.zarr"),
        ("/a/run.zarr", "", "/a/run.zarr"),
        ("", TABLES, ""),
    ],
)
def test_a_name_gets_the_ending_that_was_chosen(qtbot, monkeypatch, typed, chosen, path) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    asked = []

    def answer(*words):
        asked.extend(words)
        return typed, chosen

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    assert ask_where(parent, "Save run", "batch 1 · kNN/2") == path
    assert asked[2] == "batch 1 · kNN_2.h5ad" and asked[3] == f"{TABLES};;{SPATIALDATA}"
