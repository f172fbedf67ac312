"""A table of shares: one row per spot, one column per cell type."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qtpy.QtWidgets import QAbstractItemView, QHeaderView

from napari_spatialrecon.evaluation.palette import elide
from napari_spatialrecon.viewer.widgets.sorted_table import Column, SortedTable
from napari_spatialrecon.viewer.window.present import present

_LONGEST, _WIDTH, _NAME_WIDTH = 12, 96, 110


class SharesTable(SortedTable):
    """Shows shares in percent."""

    def __init__(self) -> None:
        super().__init__(QHeaderView.ResizeMode.Interactive)
        present(self.horizontalHeader()).setDefaultSectionSize(_WIDTH)
        self.setToolTip("Shares in percent; click a column to sort by it")

    def show_shares(
        self, names: Sequence[str], types: Sequence[str], shares: np.ndarray, order: Sequence[int]
    ) -> None:
        """Show shares, (n_spots, n_types), with the columns in an order of the types."""
        columns = [Column("spot", np.array(names, str))]
        for i in order:
            title, tip = elide(types[i], _LONGEST), f"{types[i]}, percent"
            columns.append(Column(title, 100 * shares[:, i], tip, decimals=1))
        self.show_columns(columns, sorted_by=1)
        self.setColumnWidth(0, _NAME_WIDTH)

    def select_spot(self, row: int) -> None:
        """Show a spot, without emitting that it was picked."""
        self.select(row, QAbstractItemView.ScrollHint.PositionAtCenter)
