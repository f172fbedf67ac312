from __future__ import annotations

import pytest
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_spatialrecon.viewer.widgets.saving import ask_where

TABLES, SPATIALDATA = "Tables (*.h5ad)", "SpatialData (*.zarr)"


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
