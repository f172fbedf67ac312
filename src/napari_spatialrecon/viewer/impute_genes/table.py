"""A table of genes: where each map comes from, and how far it is to be believed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

HEADS = ("gene", "origin", "expected", "found")
_TIPS = (
    "Name, as the reference has it",
    "imputed; held out: measured and hidden from the run; measured: shown as it is",
    "Correlation with the truth that held-out genes of the same kind reached",
    "Correlation with what was measured, of genes that were hidden from the run",
)


class GeneTable(QTableView):
    """Shows genes, sorted by a click on a column.

    Signals: ``picked(gene)``.
    """

    picked = Signal(str)

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
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.setFixedHeight(190)
        self.selectionModel().currentRowChanged.connect(self._pick)

    def show_genes(self, genes: pd.DataFrame) -> None:
        """Show genes: rows by name, columns ``origin``, ``reliability`` and ``found``."""
        with QSignalBlocker(self.selectionModel()):
            self.rows.fill(genes)
            self.sortByColumn(2, Qt.SortOrder.DescendingOrder)

    def select_gene(self, gene: str) -> None:
        """Show a gene, without telling that it was chosen."""
        with QSignalBlocker(self.selectionModel()):
            index = self.rows.index(self.rows.position(gene), 0)
            self.setCurrentIndex(index)
            self.scrollTo(index, QAbstractItemView.ScrollHint.EnsureVisible)
        self.viewport().update()

    def _pick(self, current: QModelIndex, _: QModelIndex) -> None:
        if current.isValid():
            self.picked.emit(self.rows.gene(current.row()))


class _Rows(QAbstractTableModel):
    def __init__(self) -> None:
        super().__init__()
        self._columns: list[np.ndarray] = [np.empty(0, object)] * len(HEADS)
        self._order = np.empty(0, int)

    def fill(self, genes: pd.DataFrame) -> None:
        self.beginResetModel()
        self._columns = [
            genes.index.to_numpy(str),
            genes["origin"].to_numpy(str),
            genes["reliability"].to_numpy(float),
            genes["found"].to_numpy(float),
        ]
        self._order = np.arange(len(genes))
        self.endResetModel()

    def gene(self, position: int) -> str:
        return str(self._columns[0][self._order[position]])

    def position(self, gene: str) -> int:
        return int(np.flatnonzero(self._columns[0][self._order] == gene)[0])

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return len(self._order)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        return len(HEADS)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        value = self._columns[index.column()][self._order[index.row()]]
        number = index.column() > 1
        if role == Qt.ItemDataRole.DisplayRole:
            if not number:
                return str(value)
            return "" if np.isnan(value) else f"{value:.2f}"
        if role == Qt.ItemDataRole.ToolTipRole and not number:
            return str(value)
        if role == Qt.ItemDataRole.TextAlignmentRole and number:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(self, section: int, orientation: Any, role: int = 0) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return HEADS[section]
        return _TIPS[section] if role == Qt.ItemDataRole.ToolTipRole else None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort; genes without a number come last either way."""
        if not len(self._order) or not 0 <= column < len(HEADS):
            return
        self.layoutAboutToBeChanged.emit()
        values = self._columns[column]
        found = np.argsort(values, kind="stable")
        if order == Qt.SortOrder.DescendingOrder:
            found = found[::-1]
        if column > 1:
            empty = np.isnan(values[found])
            found = np.concatenate([found[~empty], found[empty]])
        self._order = found
        self.layoutChanged.emit()
