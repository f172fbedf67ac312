from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView

from napari_spatialrecon.viewer.widgets.sorted_table import Column, SortedTable

NAMES = ("b", "a", "c", "d")
COLUMNS = (
    Column("name", np.array(NAMES)),
    Column("share", np.array([0.5, np.nan, 2.0, 1.0]), "of the whole", decimals=1),
)


@pytest.fixture
def table(qtbot: Any) -> SortedTable:
    """Two columns, sorted by the second, the largest first."""
    made = SortedTable(QHeaderView.ResizeMode.Stretch)
    qtbot.addWidget(made)
    made.show_columns(COLUMNS, sorted_by=1)
    return made


def shown(table: SortedTable, column: int) -> list[str]:
    rows = table.rows
    return [rows.data(rows.index(i, column)) for i in range(rows.rowCount())]


def test_numbers_are_sorted_with_the_empty_last_either_way(table: SortedTable) -> None:
    assert shown(table, 1) == ["2.0", "1.0", "0.5", ""]
    table.sortByColumn(1, Qt.SortOrder.AscendingOrder)
    assert shown(table, 1) == ["0.5", "1.0", "2.0", ""]
    table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    assert shown(table, 0) == ["a", "b", "c", "d"]


def test_a_picked_row_is_told_as_it_was_given(table: SortedTable, qtbot: Any) -> None:
    with qtbot.waitSignal(table.row_picked) as told:
        table.selectRow(0)
    assert told.args == [2]
    assert [table.rows.position(row) for row in range(4)] == [2, 3, 0, 1]


def test_a_row_that_is_shown_is_not_told_as_picked(table: SortedTable, qtbot: Any) -> None:
    with qtbot.assertNotEmitted(table.row_picked):
        table.select(3, QAbstractItemView.ScrollHint.EnsureVisible)
    assert table.rows.row_at(table.currentIndex().row()) == 3


def test_an_empty_table_can_be_sorted(qtbot: Any) -> None:
    table = SortedTable(QHeaderView.ResizeMode.Stretch)
    qtbot.addWidget(table)
    table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    assert table.rows.rowCount() == 0


def test_columns_say_what_they_hold(table: SortedTable) -> None:
    across, tip = Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole
    assert table.rows.headerData(1, across, Qt.ItemDataRole.DisplayRole) == "share"
    assert table.rows.headerData(1, across, tip) == "of the whole"
    assert table.rows.headerData(0, across, tip) is None
