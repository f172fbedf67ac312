"""A table of landmarks: whether each is used, its numbers, and a color for its quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from napari_spatialrecon.viewer.window.present import present
from napari_spatialrecon.viewer.window.tones import DARK, Tones

GLYPHS = {"good": "●", "warning": "■", "wrong": "▲", "quiet": "○"}
"""Shape that stands for a tone before the first number, as on the canvas."""
#: Least height in pixels; if the dock has more room, the table shows all rows.
_LEAST_HEIGHT = 150


@dataclass(frozen=True)
class MarkRow:
    """One landmark as the table shows it.

    Parameters
    ----------
    cells
        Text of each column.
    tone
        ``good``, ``warning``, ``wrong`` or ``quiet``: the color of the text, and its `GLYPHS`.
    tip
        Tooltip of the row.
    """

    cells: tuple[str, ...]
    enabled: bool
    tone: str
    tip: str = ""


class MarksTable(QTableWidget):
    """Rows that can be ticked and selected.

    Signals: ``toggled(row, enabled)``, ``picked(row)``.
    """

    toggled = Signal(int, bool)
    picked = Signal(int)

    def __init__(self, columns: Sequence[str], tips: Sequence[str] = ()) -> None:
        super().__init__(0, len(columns))
        self.tones: Tones = DARK
        self._rows: list[MarkRow] = []
        self.setHorizontalHeaderLabels(list(columns))
        for column, tip in enumerate(tips):
            present(self.horizontalHeaderItem(column)).setToolTip(tip)
        present(self.verticalHeader()).hide()
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        header = present(self.horizontalHeader())
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setMinimumSectionSize(30)
        self.setMinimumHeight(_LEAST_HEIGHT)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # cell names differ at the end
        self.setWordWrap(False)
        self.itemChanged.connect(self._on_item)
        self.itemSelectionChanged.connect(self._on_selection)

    def show_rows(self, rows: list[MarkRow], chosen: int | None = None) -> None:
        """Show these rows, without emitting that one was selected."""
        self._rows = rows
        with QSignalBlocker(self):
            self.setRowCount(len(rows))
            for number, row in enumerate(rows):
                for column, text in enumerate(row.cells):
                    item = self.item(number, column)
                    if item is None:
                        item = QTableWidgetItem()
                        self.setItem(number, column, item)
                    mark = f"{GLYPHS[row.tone]} " if column == 1 and text else ""
                    item.setText(f"{mark}{text}")
                    item.setToolTip(row.tip)
                    item.setForeground(QColor(getattr(self.tones, row.tone)))
                    if column == 0:
                        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                        state = Qt.CheckState.Checked if row.enabled else Qt.CheckState.Unchecked
                        item.setCheckState(state)
            whole = present(self.horizontalHeader()).height() + 2 * self.frameWidth()
            whole += sum(self.rowHeight(row) for row in range(len(rows)))
            self.setMaximumHeight(max(_LEAST_HEIGHT, whole))
            self.clearSelection()
            if chosen is not None and chosen < len(rows):
                self.selectRow(chosen)

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.tones = tones
        self.show_rows(self._rows, self.chosen())

    def chosen(self) -> int | None:
        """Return the number of the selected row, None if there is none."""
        rows = present(self.selectionModel()).selectedRows()
        return rows[0].row() if rows else None

    def _on_item(self, item: QTableWidgetItem) -> None:
        if item.column() == 0:
            self.toggled.emit(item.row(), item.checkState() == Qt.CheckState.Checked)

    def _on_selection(self) -> None:
        row = self.chosen()
        if row is not None:
            self.picked.emit(row)
