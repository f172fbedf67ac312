"""A table of genes: the origin of each map, and its reliability."""

from __future__ import annotations

import pandas as pd
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView

from napari_spatialrecon.viewer.widgets.sorted_table import Column, SortedTable

_EXPECTED = 2


class GeneTable(SortedTable):
    """Shows genes.

    Signals: ``picked(gene)``.
    """

    picked = Signal(str)

    def __init__(self) -> None:
        super().__init__(QHeaderView.ResizeMode.Stretch)
        self._names: list[str] = []
        self.row_picked.connect(lambda row: self.picked.emit(self._names[row]))

    def show_genes(self, genes: pd.DataFrame) -> None:
        """Show genes: rows by name, columns ``origin``, ``reliability`` and ``found``."""
        self._names = [str(name) for name in genes.index]
        columns = [
            Column("gene", genes.index.to_numpy(str), "Name, as in the reference"),
            Column(
                "origin",
                genes["origin"].to_numpy(str),
                "imputed; held out: measured and hidden from the run; measured: shown as is",
            ),
            Column(
                "expected",
                genes["reliability"].to_numpy(float),
                "Correlation with the truth reached by similar held-out genes",
            ),
            Column(
                "found",
                genes["found"].to_numpy(float),
                "Correlation with the measurement, for genes hidden from the run",
            ),
        ]
        self.show_columns(columns, sorted_by=_EXPECTED)

    def gene_at(self, position: int) -> str:
        """Return the gene at a position of the sorted table."""
        return self._names[self.rows.row_at(position)]

    def position(self, gene: str) -> int:
        """Return the position of a gene in the sorted table."""
        return self.rows.position(self._names.index(gene))

    def select_gene(self, gene: str) -> None:
        """Show a gene, without emitting that it was picked."""
        self.select(self._names.index(gene), QAbstractItemView.ScrollHint.EnsureVisible)
