"""The field that finds a gene: its list is sorted, in the theme's colors, and takes pasted text."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_spatialrecon.viewer.widgets.gene_search import GeneSearch

GENES = ["SERBP1", "ERBB3", "KRT19", "ERBB2", "ACTB"]


def field_in_a_window(qtbot: Any, *, empties: bool) -> GeneSearch:
    window = QWidget()
    window.resize(380, 500)
    window.setStyleSheet("QListView { background-color: #112233; }")
    field = GeneSearch("type part of a gene's name", empties=empties)
    layout = QVBoxLayout(window)
    layout.addWidget(field)
    layout.addStretch()
    field.offer(GENES)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    field.setFocus()
    field.window_ = window
    return field


@pytest.mark.parametrize("empties", [True, False])
def test_genes_that_begin_with_the_text_come_first_in_a_list_of_the_theme(
    qtbot: Any, empties: bool
) -> None:
    said: list[str] = []
    field = field_in_a_window(qtbot, empties=empties)
    field.chosen.connect(said.append)
    assert field.placeholderText() == "type part of a gene's name"
    qtbot.keyClicks(field, "erb")
    assert [name for _, name in field.popup.rows.lines] == ["ERBB2", "ERBB3", "SERBP1"]
    assert field.popup.isVisible() and not field.popup.isWindow()
    at = field.popup.viewport().rect().bottomRight()
    assert field.popup.viewport().grab().toImage().pixelColor(at).name() == "#112233"
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert said == ["ERBB2"] and field.text() == ("" if empties else "ERBB2")


def test_a_pasted_list_is_taken_whole_and_deleted_text_chooses_nothing(qtbot: Any) -> None:
    said: list[str] = []
    field = field_in_a_window(qtbot, empties=False)
    field.chosen.connect(said.append)
    field.insert("ERBB2, KRT19")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert said == ["ERBB2, KRT19"]
    field.selectAll()
    qtbot.keyClick(field, Qt.Key.Key_Backspace)
    assert field.text() == "" and not field.popup.isVisible()
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert said == ["ERBB2, KRT19"]
    field.clearFocus()
    assert field.text() == ""
