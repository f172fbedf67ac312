"""A field for a list of genes, which can be typed or pasted."""

from __future__ import annotations

from collections.abc import Collection

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.task.gene_list_model import GeneListModel
from napari_spatialrecon.viewer.widgets.chips import Chips
from napari_spatialrecon.viewer.widgets.gene_search import GeneSearch
from napari_spatialrecon.viewer.widgets.rows import row

MEASURED = " · measured"
"""Suffix of a gene that the slide already measured."""
_CHIPS, _IN_TIP = 12, 200
"""Largest number of genes shown by name, and named in the tooltip."""


class GeneListField(QWidget):
    """Shows the list of a `GeneListModel`, and changes it.

    Signals: ``failed(Exception)`` if a word is not a gene; ``opened()`` if all are.

    Parameters
    ----------
    hint
        Placeholder of the search field.
    beside
        Shown in one row with the button that clears the list; without it, that button is hidden
        while the list is empty.
    """

    failed = Signal(object)
    opened = Signal()

    def __init__(self, model: GeneListModel, hint: str, beside: QWidget | None = None) -> None:
        super().__init__()
        self.model = model
        self.search = GeneSearch(hint, empties=True)
        self.chips, self.clear_button = Chips("no genes chosen"), QPushButton("Clear")
        self._alone = beside is None
        below = self.clear_button if beside is None else row(beside, self.clear_button)
        self.search.chosen.connect(self.add)
        self.chips.removed.connect(self._leave_out)
        self.clear_button.clicked.connect(lambda: setattr(model, "genes", ()))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self.search, self.chips, below):
            column.addWidget(widget)

    def add(self, text: str) -> None:
        """Add genes that were typed, chosen or pasted; report unknown ones."""
        try:
            self.model.add_genes(text.removesuffix(MEASURED))
            self.opened.emit()
        except InputError as error:
            self.failed.emit(error)

    def refresh(self, measured: Collection[str] = ()) -> None:
        """Show the model's current choices, and mark genes that are measured."""

        def label(gene: str) -> str:
            return f"{gene}{MEASURED}" if gene in measured else gene

        self.search.offer([label(name) for name in self.model.names])
        genes = self.model.genes
        shown = [(gene, label(gene), gene) for gene in genes[:_CHIPS]]
        if [name for _, name, _ in shown] != self.chips.names:
            self.chips.set_entries(shown)
        more = len(genes) - len(shown)
        self.clear_button.setText(f"Clear all ({more} more)" if more else "Clear")
        self.clear_button.setToolTip(", ".join(genes[:_IN_TIP]))
        self.clear_button.setEnabled(bool(genes))
        self.clear_button.setVisible(bool(genes) or not self._alone)

    def _leave_out(self, gene: str) -> None:
        self.model.genes = (name for name in self.model.genes if name != gene)
