from __future__ import annotations

import time
from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_spatialrecon.viewer.widgets.name_index import NameIndex
from napari_spatialrecon.viewer.widgets.name_search import NameSearch

GENES = ["SERBP1", "ERBB3", "KRT19", "ERBB2", "ACTB"]


def listed(index: NameIndex, text: str) -> list[tuple[str, list[str]]]:
    return [(group.title, list(group.names)) for group in index.search(text)]


def test_what_begins_with_the_text_goes_before_what_contains_it() -> None:
    index = NameIndex(["cell_type", "erb_score"], GENES)
    assert listed(index, "ERB") == [
        ("Genes", ["ERBB2", "ERBB3", "SERBP1"]),
        ("Columns", ["erb_score"]),
    ]
    assert listed(index, "cell") == [("Columns", ["cell_type"])]
    assert listed(index, "score") == [("Columns", ["erb_score"])]
    assert listed(index, "nothing") == []


def test_the_group_of_the_better_match_comes_first() -> None:
    index = NameIndex(["total"], ["XTOTAL"])
    assert [title for title, _ in listed(index, "total")] == ["Columns", "Genes"]


def test_without_text_it_lists_recent_names_and_columns_in_their_order() -> None:
    index = NameIndex(["z", "a"], GENES)
    groups = index.search("", ["KRT19", "of another table"])
    assert [(g.title, g.names) for g in groups[:2]] == [
        ("Recent", ("KRT19",)),
        ("Columns", ("z", "a")),
    ]
    assert groups[2].names == tuple(sorted(GENES))


def test_thirty_thousand_names_are_searched_within_a_key_press() -> None:
    index = NameIndex([], [f"GENE{i}" for i in range(30_000)])
    worst = 0.0
    for text in ("g", "9", "gene12", "e29"):
        start = time.perf_counter()
        groups = index.search(text)
        worst = max(worst, time.perf_counter() - start)
        assert groups[0].more > 0 or text == "gene12"
    assert worst < 0.03


@pytest.fixture
def field(qtbot: Any) -> NameSearch:
    window = QWidget()
    window.resize(380, 500)
    made = NameSearch({"placement_uncertainty": "uncertainty"})
    layout = QVBoxLayout(window)
    layout.addWidget(made)
    layout.addStretch()
    made.set_names(["placement_uncertainty", "cell_type"], GENES)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    made.setFocus()
    made.window_ = window
    return made


def test_keys_choose_a_name(field: NameSearch, qtbot: Any) -> None:
    said: list[str] = []
    field.chosen.connect(said.append)
    qtbot.keyClicks(field, "erb")
    assert field.popup.isVisible() and field.popup.marked == "ERBB2"
    qtbot.keyClick(field, Qt.Key.Key_Down)
    assert field.popup.marked == "ERBB3"
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert said == ["ERBB3"] and not field.popup.isVisible() and field.text() == "ERBB3"
    assert field.recent == ["ERBB3"]


def test_escape_closes_the_list_and_keeps_what_was_chosen(field: NameSearch, qtbot: Any) -> None:
    field.show_name("ACTB")
    field.selectAll()
    qtbot.keyClicks(field, "krt")
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    assert not field.popup.isVisible() and field.text() == "ACTB"


def test_headings_are_passed_over_and_a_label_stands_for_its_column(
    field: NameSearch, qtbot: Any
) -> None:
    said: list[str] = []
    field.chosen.connect(said.append)
    qtbot.keyClick(field, Qt.Key.Key_Down)
    assert field.popup.rows.lines[0][1] == "COLUMNS" and field.popup.marked == "uncertainty"
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert said == ["placement_uncertainty"] and field.text() == "uncertainty"


def test_a_click_chooses(field: NameSearch, qtbot: Any) -> None:
    said: list[str] = []
    field.chosen.connect(said.append)
    qtbot.keyClicks(field, "krt")
    row = next(i for i, (_, name) in enumerate(field.popup.rows.lines) if name == "KRT19")
    at = field.popup.visualRect(field.popup.rows.index(row)).center()
    qtbot.mouseClick(field.popup.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert said == ["KRT19"]


def test_the_list_belongs_to_the_window_and_so_to_its_theme(field: NameSearch, qtbot: Any) -> None:
    field.window().setStyleSheet("QListView { background-color: #112233; }")
    qtbot.keyClicks(field, "e")
    assert field.popup.parentWidget() is field.window() and not field.popup.isWindow()
    at = field.popup.viewport().rect().bottomRight()
    assert field.popup.viewport().grab().toImage().pixelColor(at).name() == "#112233"


def test_the_list_goes_with_its_field(field: NameSearch, qtbot: Any) -> None:
    field.popup.show_groups(field.index.search("gene", ()))
    assert field.popup.parent() is field.window_
    gone: list[bool] = []
    field.popup.destroyed.connect(lambda: gone.append(True))
    field.deleteLater()
    qtbot.waitUntil(lambda: bool(gone))
