"""A table of text and numbers; a click sorts by a column or picks a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from napari_spatialrecon.viewer.window.present import present

_HEIGHT, _ROW_HEIGHT = 190, 20
_TITLES = "QHeaderView::section { padding-right: 16px; }"
"""Keeps titles clear of the arrow of the column that the table is sorted by."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    values : (n_rows,)
        Text, or floats; NaN is shown empty and always sorted last.
    decimals
        Number of decimals shown.
    small
        Whether numbers span many powers of ten, as p-values do: `decimals` digits are shown.
    """

    title: str
    values: np.ndarray
    tip: str = ""
    decimals: int = 2
    small: bool = False

    @property
    def is_number(self) -> bool:
        """Whether the column holds numbers."""
        return self.values.dtype.kind == "f"

    def text(self, row: int) -> str:
        """Return a value as shown."""
        value = self.values[row]
        if not self.is_number:
            return str(value)
        return "" if np.isnan(value) else f"{value:.{self.decimals}{'g' if self.small else 'f'}}"

    def order(self, *, descending: bool) -> np.ndarray:
        """Return the rows as they are sorted by the column, (n_rows,) int."""
        found = np.argsort(self.values, kind="stable")
        if descending:
            found = found[::-1]
        if self.is_number:
            empty = np.isnan(self.values[found])
            found = np.concatenate([found[~empty], found[empty]])
        return found


class Rows(QAbstractTableModel):
    """Columns in the order of the last sort.

    A *row* is an index into the columns as given; a *position* counts from the top of the table.
    """

    def __init__(self) -> None:
        super().__init__()
        self._columns: list[Column] = []
        self._order = np.empty(0, int)

    def fill(self, columns: Sequence[Column]) -> None:
        """Show these columns."""
        self.beginResetModel()
        self._columns = list(columns)
        self._order = np.arange(len(columns[0].values))
        self.endResetModel()

    def row_at(self, position: int) -> int:
        """Return the row at a position."""
        return int(self._order[position])

    def position(self, row: int) -> int:
        """Return the position of a row."""
        return int(np.flatnonzero(self._order == row)[0])

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of rows."""
        return len(self._order)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of columns."""
        return len(self._columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return the text of a cell, its alignment, and for text its tooltip."""
        column, row = self._columns[index.column()], self.row_at(index.row())
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(row)
        if role == Qt.ItemDataRole.ToolTipRole and not column.is_number:
            return column.text(row)
        if role == Qt.ItemDataRole.TextAlignmentRole and column.is_number:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> object:
        """Return title and tooltip of a column."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        column = self._columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.title
        return column.tip or None if role == Qt.ItemDataRole.ToolTipRole else None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column."""
        if not 0 <= column < len(self._columns):
            return
        self.layoutAboutToBeChanged.emit()
        descending = order == Qt.SortOrder.DescendingOrder
        self._order = self._columns[column].order(descending=descending)
        self.layoutChanged.emit()


class SortedTable(QTableView):
    """Shows columns, with one row selected at a time.

    Signals: ``row_picked(row)``, an index into the columns as given.
    """

    row_picked = Signal(int)

    def __init__(self, resize: QHeaderView.ResizeMode) -> None:
        super().__init__()
        self.rows = Rows()
        self.setModel(self.rows)
        self.setSortingEnabled(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        side = present(self.verticalHeader())
        side.hide()
        side.setDefaultSectionSize(_ROW_HEIGHT)
        titles = present(self.horizontalHeader())
        titles.setSectionResizeMode(resize)
        titles.setStyleSheet(_TITLES)
        self.setFixedHeight(_HEIGHT)
        present(self.selectionModel()).currentRowChanged.connect(self._pick)

    def show_columns(self, columns: Sequence[Column], sorted_by: int) -> None:
        """Show columns, sorted by one of them, largest value first."""
        with QSignalBlocker(self.selectionModel()):
            self.rows.fill(columns)
            self.sortByColumn(sorted_by, Qt.SortOrder.DescendingOrder)

    def select(self, row: int, hint: QAbstractItemView.ScrollHint) -> None:
        """Show a row, without emitting that it was picked."""
        with QSignalBlocker(self.selectionModel()):
            index = self.rows.index(self.rows.position(row), 0)
            self.setCurrentIndex(index)
            self.scrollTo(index, hint)
        present(self.viewport()).update()

    def _pick(self, current: QModelIndex, _: QModelIndex) -> None:
        if current.isValid():
            self.row_picked.emit(self.rows.row_at(current.row()))
