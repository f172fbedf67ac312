"""The result of a deconvolution: type to show, stacked bars, description of a spot, table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from napari_spatialrecon.tissue.slots import MAIN_TYPE
from napari_spatialrecon.viewer.canvas.colors import guess_kind
from napari_spatialrecon.viewer.deconvolve.bars import StackedBars
from napari_spatialrecon.viewer.deconvolve.job import Mixed
from napari_spatialrecon.viewer.deconvolve.table import MarkersTable, SharesTable
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.rows import combo, row
from napari_spatialrecon.viewer.widgets.scroll_column import lay_out_now
from napari_spatialrecon.viewer.window.tones import Tones

if TYPE_CHECKING:
    import pandas as pd

ALL_TYPES = -1
_MOST_GROUPS = 24
_HINT = "Click a spot, or a row of the table, to see its composition."


class MixturePanel(QWidget):
    """Shows a `Mixed`; hidden until there is one.

    Signals: ``shown(number)``, the column of a type or `ALL_TYPES`; ``picked(row)``, a spot;
    ``save()``.
    """

    shown = Signal(int)
    picked = Signal(int)
    save = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.outcome: Mixed | None = None
        self.type, self.group = combo(), combo()
        self.type.setToolTip("All types as pies, or the share of one as a color")
        self.group.setToolTip("Mean shares over the whole slide, or over the spots of each group")
        self.bars, self.spot, self.table = StackedBars(), WrappedLabel(_HINT), SharesTable()
        self.markers = MarkersTable()
        self.save_button = QPushButton("Save table…")
        self.save_button.setToolTip("One row per spot: the shares and their intervals, as CSV")
        self.type.activated.connect(lambda i: self.shown.emit(self.type.itemData(i)))
        self.group.activated.connect(self._draw_bars)
        self.markers.type_picked.connect(self.choose_type)
        self.table.row_picked.connect(self.show_spot)
        self.table.row_picked.connect(self.picked)
        self.save_button.clicked.connect(self.save)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self.group_row = row(QLabel("Shares by"), self.group)
        for widget in (row(QLabel("Show"), self.type), self.group_row, self.bars):
            column.addWidget(widget)
        for widget in (self.markers, self.spot, self.table, self.save_button):
            column.addWidget(widget)
        self.hide()

    def show_outcome(self, outcome: Mixed) -> None:
        """Show the outcome of a run."""
        self.outcome = outcome
        shares, types = outcome.proportions, outcome.types
        order = [int(i) for i in np.argsort(-shares.mean(axis=0), kind="stable")]
        with QSignalBlocker(self.type), QSignalBlocker(self.group):
            self.type.clear()
            self.type.addItem("All types, as pies", ALL_TYPES)
            for i in order:
                self.type.addItem(types[i], i)
                at = self.type.count() - 1
                self.type.setItemData(at, outcome.about(i), Qt.ItemDataRole.ToolTipRole)
            self.group.clear()
            self.group.addItem("whole slide", None)
            for name in _groupings(outcome.adata.obs):
                self.group.addItem(name, name)
        self.group_row.setVisible(self.group.count() > 1)
        self.spot.setText(_HINT)
        self.table.show_shares(list(map(str, outcome.adata.obs_names)), types, shares, order)
        markers = outcome.markers
        self.markers.setVisible(markers is not None)
        if markers is not None:
            self.markers.show_markers(markers)
        self._draw_bars()
        self.show()
        lay_out_now(self)

    def show_spot(self, number: int) -> None:
        """Describe the composition of a spot."""
        if self.outcome is not None:
            self.spot.setText(self.outcome.spot(number))
            lay_out_now(self)

    def choose_type(self, number: int) -> None:
        """Show a type, or all types, as if the user had chosen it."""
        self.type.setCurrentIndex(self.type.findData(number))
        self.shown.emit(number)

    def note_colors(self, *, types: bool) -> None:
        """Name no type while the spots are colored by a gene or a column."""
        shown = self.type.currentData()
        if types == (shown is not None):
            return
        with QSignalBlocker(self.type):
            self.type.setCurrentIndex(self.type.findData(ALL_TYPES) if types else -1)

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.bars.set_tones(tones)

    def _draw_bars(self) -> None:
        assert self.outcome is not None, "drawn after a run"
        shares, column = self.outcome.proportions, self.group.currentData()
        overall = shares.mean(axis=0)
        if column is None:
            groups, means = [("whole slide", len(shares))], overall[None]
        else:
            values = self.outcome.adata.obs[column].astype("category")
            codes, names = values.cat.codes.to_numpy(), [str(c) for c in values.cat.categories]
            used = [i for i in range(len(names)) if (codes == i).any()]
            groups = [(names[i], int((codes == i).sum())) for i in used]
            means = np.array([shares[codes == i].mean(axis=0) for i in used])
        self.bars.show_bars(means, groups, self.outcome.types, overall)
        lay_out_now(self)


def _groupings(obs: pd.DataFrame) -> list[str]:
    """Return the columns that divide the spots into a few groups."""
    names = [str(c) for c in obs if c != MAIN_TYPE and guess_kind(obs[c]) == "category"]
    return [name for name in names if 1 < obs[name].nunique() <= _MOST_GROUPS]
