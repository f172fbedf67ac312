"""Tables of a mixture: shares, one row per spot; and how markers bear out each cell type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView

from napari_spatialrecon.evaluation.palette import elide
from napari_spatialrecon.viewer.widgets.sorted_table import Column, SortedTable
from napari_spatialrecon.viewer.window.present import present

if TYPE_CHECKING:
    import pandas as pd

_LONGEST, _WIDTH, _NAME_WIDTH = 12, 96, 110
_SHARE, _SHARE_WIDTH, _AGREEMENT_WIDTH = 1, 66, 96


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


class MarkersTable(SortedTable):
    """Shows how marker genes bear out each type.

    Signals: ``type_picked(number)``, a type as the result counts them.
    """

    type_picked = Signal(int)

    def __init__(self) -> None:
        super().__init__(QHeaderView.ResizeMode.Interactive)
        present(self.horizontalHeader()).setStretchLastSection(True)
        self.row_picked.connect(self.type_picked)

    def show_markers(self, markers: pd.DataFrame) -> None:
        """Show types: rows by name, columns ``share``, ``agreement`` and ``markers``."""
        columns = [
            Column("type", markers.index.to_numpy(str), "Cell type; click one to show its share"),
            Column("share", 100 * markers["share"].to_numpy(float), "Percent of the slide", 1),
            Column(
                "agreement",
                markers["agreement"].to_numpy(float),
                "Correlation over the spots of the type's share with its marker genes. Empty: the "
                "reference shows no marker. The run saw these genes: a low value is a warning, a "
                "high one no proof.",
            ),
            Column("markers", _genes(markers), "Genes that the cells of the type express most"),
        ]
        self.show_columns(columns, sorted_by=_SHARE)
        for number, width in enumerate((_NAME_WIDTH, _SHARE_WIDTH, _AGREEMENT_WIDTH)):
            self.setColumnWidth(number, width)


def _genes(markers: pd.DataFrame) -> np.ndarray:
    shared = np.where(markers["shared"].to_numpy(bool), "shared: ", "")
    return np.char.add(shared.astype(str), markers["markers"].to_numpy(str))
