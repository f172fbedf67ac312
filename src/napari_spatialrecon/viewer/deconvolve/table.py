"""A table of shares: a row a spot, a column a cell type, sorted by a click on a column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from napari_spatialrecon.evaluation.palette import elide

_LONGEST, _WIDTH, _NAME_WIDTH = 12, 80, 110


class SharesTable(QTableView):
    """Shows shares in percent.

    Signals: ``picked(row)``, the spot's row in the order it was given.
    """

    picked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.rows = _Rows()
        self.setModel(self.rows)
        self.setSortingEnabled(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(20)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setDefaultSectionSize(_WIDTH)
        self.setFixedHeight(190)
        self.setToolTip("Shares in percent; a click on a column sorts by it")
        self.selectionModel().currentRowChanged.connect(self._pick)

    def show_shares(
        self, names: Sequence[str], types: Sequence[str], shares: np.ndarray, order: Sequence[int]
    ) -> None:
        """Show shares, (n_spots, n_types), with the columns in an order of the types."""
        self.rows.fill(names, [types[i] for i in order], shares[:, list(order)])
        self.setColumnWidth(0, _NAME_WIDTH)
        self.sortByColumn(1, Qt.SortOrder.DescendingOrder)

    def select_spot(self, row: int) -> None:
        """Show a spot, without telling that it was chosen."""
        with QSignalBlocker(self.selectionModel()):
            index = self.rows.index(self.rows.position(row), 0)
            self.setCurrentIndex(index)
            self.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)
        self.viewport().update()

    def _pick(self, current: QModelIndex, _: QModelIndex) -> None:
        if current.isValid():
            self.picked.emit(self.rows.spot(current.row()))


class _Rows(QAbstractTableModel):
    def __init__(self) -> None:
        super().__init__()
        self._names: list[str] = []
        self._types: list[str] = []
        self._shares = np.empty((0, 0))
        self._order = np.empty(0, int)

    def fill(self, names: Sequence[str], types: Sequence[str], shares: np.ndarray) -> None:
        self.beginResetModel()
        self._names, self._types, self._shares = list(names), list(types), shares
        self._order = np.arange(len(names))
        self.endResetModel()

    def spot(self, position: int) -> int:
        return int(self._order[position])

    def position(self, spot: int) -> int:
        return int(np.flatnonzero(self._order == spot)[0])

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return len(self._names)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        return len(self._types) + 1 if self._names else 0

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row, column = self._order[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._names[row] if column == 0 else f"{100 * self._shares[row, column - 1]:.1f}"
        if role == Qt.ItemDataRole.TextAlignmentRole and column:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(self, section: int, orientation: Any, role: int = 0) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        name = "spot" if section == 0 else self._types[section - 1]
        if role == Qt.ItemDataRole.DisplayRole:
            return elide(name, _LONGEST)
        return f"{name}, percent" if section and role == Qt.ItemDataRole.ToolTipRole else None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        if not self._names or not 0 <= column < self.columnCount():
            return
        self.layoutAboutToBeChanged.emit()
        if column == 0:
            found = np.argsort(np.array(self._names), kind="stable")
        else:
            found = np.argsort(self._shares[:, column - 1], kind="stable")
        descending = order == Qt.SortOrder.DescendingOrder
        self._order = found[::-1] if descending else found
        self.layoutChanged.emit()
