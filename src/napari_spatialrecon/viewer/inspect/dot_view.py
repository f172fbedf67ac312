"""The dot plot of groups that were compared, with a choice of genes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_spatialrecon.tasks.groups import expression_by_group
from napari_spatialrecon.viewer.inspect.dot_plot import DotPlot
from napari_spatialrecon.viewer.widgets.gene_search import GeneSearch
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.rows import row
from napari_spatialrecon.viewer.window.tones import Tones
from napari_spatialrecon.viewer.window.worker import Run

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

TOP = 8
"""Genes that are shown at first, those of the highest scores."""


@dataclass(frozen=True)
class Compared:
    """The groups of a dot plot.

    Parameters
    ----------
    groups : by name, (n_cells,) bool
        Rows of the table; they may overlap.
    """

    adata: AnnData = field(repr=False)
    groups: Mapping[str, np.ndarray] = field(repr=False)


class DotView(QWidget):
    """Shows chosen genes of compared groups; without a choice, those that mark the first.

    Signals: ``picked(gene)``, a gene that was clicked.

    Attributes
    ----------
    chosen
        Genes that the user chose; None for those of the highest scores.
    """

    picked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.chosen: list[str] | None = None
        self.compared: Compared | None = None
        self.run: Run | None = None
        self._top: list[str] = []
        self.search = GeneSearch("Add a gene", empties=True)
        self.reset = QPushButton("Top genes")
        self.reset.setToolTip("Show the genes with the highest scores again")
        self.note, self.plot = WrappedLabel(), DotPlot()
        self.search.chosen.connect(self.add)
        self.reset.clicked.connect(lambda: self.choose(None))
        self.plot.picked.connect(self.picked)
        self.plot.removed.connect(self.leave_out)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for part in (row(self.search, self.reset), self.note, self.plot):
            layout.addWidget(part)
        self.note.hide()

    @property
    def genes(self) -> list[str]:
        """The genes that are shown."""
        return self._top if self.chosen is None else self.chosen

    def offer(self, compared: Compared | None, top: Sequence[str]) -> None:
        """Show other groups, and the genes that mark the first of them unless some were chosen."""
        self.compared, self._top = compared, list(top)
        if compared is not None:
            self.search.offer(list(map(str, compared.adata.var_names)))
            self._compute()

    def choose(self, genes: Sequence[str] | None) -> None:
        """Show these genes; None for those of the highest scores."""
        self.chosen = None if genes is None else list(dict.fromkeys(genes))
        self._compute()

    def add(self, gene: str) -> None:
        """Show one more gene, above the others."""
        known = {} if self.compared is None else {g.casefold(): g for g in self.search.names}
        found = known.get(gene.casefold())
        if found is None:
            self._say(f"No gene of this layer is called {gene!r}.")
        else:
            self.choose([found, *self.genes])

    def leave_out(self, gene: str) -> None:
        """Show one gene less."""
        self.choose([other for other in self.genes if other != gene])

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.plot.set_tones(tones)
        self.note.setStyleSheet(f"color: {tones.quiet};")

    def _compute(self) -> None:
        """Compute the dots in the background."""
        self.reset.setEnabled(self.chosen is not None)
        if self.run is not None:
            self.run.cancel()
        compared, genes = self.compared, self.genes
        if compared is None:
            return
        self._say("" if genes else "No genes are chosen.")
        run = Run(
            lambda *_: expression_by_group(compared.adata, genes, compared.groups),
            "Drawing the dot plot",
            parent=self,
        )
        self.run = run
        run.returned.connect(partial(self._show, run))
        run.failed.connect(lambda error: self._say(str(error)))
        run.finished.connect(partial(self._end, run))
        run.start()

    def _show(self, run: Run, found: pd.DataFrame) -> None:
        if run is self.run and not run.cancelled:
            self.plot.show_values(found)

    def _end(self, run: Run) -> None:
        if run is self.run:
            self.run = None
        run.deleteLater()

    def _say(self, text: str) -> None:
        self.note.setText(text)
        self.note.setVisible(bool(text))
