"""The fields of Impute genes: a slide, a reference, the genes, and what is hidden as a check."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QPushButton, QVBoxLayout, QWidget

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.impute_genes.model import CheckChoice, GeneChoice, GeneModel
from napari_spatialrecon.viewer.task.inputs import Inputs, Row
from napari_spatialrecon.viewer.widgets.chips import Chips
from napari_spatialrecon.viewer.widgets.gene_search import GeneSearch
from napari_spatialrecon.viewer.widgets.rows import combo, fill, small_button
from napari_spatialrecon.viewer.workspace.opening import FILTER, open_table
from napari_spatialrecon.viewer.workspace.tables import short_name
from napari_spatialrecon.viewer.workspace.workspace import Entry, Role

MEASURED = " · measured"
"""What stands behind a gene that the slide measured already."""
_CHIPS = 12
"""So many genes of a list are shown by name."""


class GeneInputs(Inputs):
    """Shows what a `GeneModel` has chosen, and changes it."""

    model: GeneModel

    def make_fields(self) -> None:
        """Make and connect the fields."""
        model = self.model
        self.slide, self.slide_button = combo(), small_button("…", "Open a slide")
        self.reference = combo()
        self.reference_button = small_button("…", "Open a table of cells that measured more genes")
        self.genes, self.check = combo(), combo()
        self.genes.addItem("A list", GeneChoice.LIST)
        self.genes.addItem("All that the slide lacks", GeneChoice.MISSING)
        for choice in CheckChoice:
            self.check.addItem("", choice)
        self.check.setToolTip(
            "Measured genes that are hidden from the run and imputed, as a check: beside what was "
            "measured they show what the maps are worth"
        )
        self.search = GeneSearch("type a gene's name, or paste a list", empties=True)
        self.chips, self.clear_button = Chips("no gene chosen"), QPushButton("Clear")
        self.slide.activated.connect(lambda i: setattr(model, "slide", self.slide.itemData(i)))
        self.reference.activated.connect(
            lambda i: setattr(model, "reference", self.reference.itemData(i))
        )
        self.genes.activated.connect(lambda i: setattr(model, "choice", self.genes.itemData(i)))
        self.check.activated.connect(lambda i: setattr(model, "check", self.check.itemData(i)))
        self.search.chosen.connect(self.add_genes)
        self.chips.removed.connect(self._leave_out)
        self.clear_button.clicked.connect(lambda: setattr(model, "genes", ()))
        self.slide_button.clicked.connect(self.start_opening)
        self.reference_button.clicked.connect(partial(self._ask, Role.QUERY))

    def rows(self) -> list[Row]:
        """Return slide, reference, genes and check."""
        self.gene_list = QWidget()
        column = QVBoxLayout(self.gene_list)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self.search, self.chips, self.clear_button):
            column.addWidget(widget)
        return [
            ("Slide", self.slide, self.slide_button),
            ("Reference", self.reference, self.reference_button),
            ("Genes", self.genes, None),
            ("", self.gene_list, None),
            ("Hide", self.check, None),
        ]

    def refresh(self) -> None:
        """Show what the model has chosen now."""
        model = self.model
        fill(self.slide, [(short_name(e), e) for e in model.slides], model.slide)
        fill(self.reference, [(short_name(e), e) for e in model.references], model.reference)
        names, measured = model.names, model.measured
        self.genes.setCurrentIndex(self.genes.findData(model.choice))
        listed = f"A list ({len(model.genes):,})" if model.genes else "A list…"
        self.genes.setItemText(0, listed)
        number = f" ({model.n_missing:,})" if names and measured else ""
        self.genes.setItemText(1, f"All that the slide lacks{number}")
        self.gene_list.setVisible(model.choice is GeneChoice.LIST)
        self.search.set_names([f"{n}{MEASURED}" if n in measured else n for n in names])
        self._show_genes(measured)
        self._show_check()

    def add_genes(self, text: str) -> None:
        """Add genes that were typed, chosen or pasted; say which are unknown."""
        try:
            self.model.add_genes(text.removesuffix(MEASURED))
            self.opened.emit()
        except InputError as error:
            self.failed.emit(error)

    def open(self, path: str, role: Role) -> None:
        """Open a file as the slide or as the reference, and choose it."""

        def use(entry: Entry) -> None:
            setattr(self.model, "slide" if role is Role.SLIDE else "reference", entry)
            self.opened.emit()

        open_table(self.viewer, path, role, parent=self, opened=use, failed=self.failed.emit)

    def start_opening(self) -> None:
        """Ask for the slide."""
        self._ask(Role.SLIDE)

    def _ask(self, role: Role) -> None:
        title = "Open a slide" if role is Role.SLIDE else "Open a table of cells"
        path = QFileDialog.getOpenFileName(self, title, filter=FILTER)[0]
        if path:
            self.open(path, role)

    def _leave_out(self, gene: str) -> None:
        self.model.genes = (name for name in self.model.genes if name != gene)

    def _show_genes(self, measured: set[str]) -> None:
        genes = self.model.genes
        shown = [(g, f"{g}{MEASURED}" if g in measured else g, g) for g in genes[:_CHIPS]]
        if [name for _, name, _ in shown] != self.chips.names:
            self.chips.set_entries(shown)
        more = len(genes) - len(shown)
        self.clear_button.setText(f"Clear all ({more} more)" if more else "Clear")
        self.clear_button.setToolTip(", ".join(genes[:200]))
        self.clear_button.setVisible(bool(genes))

    def _show_check(self) -> None:
        model = self.model
        for number, choice in enumerate(CheckChoice):
            hidden = model.hidden(choice)
            self.check.setItemText(number, _words(choice, len(hidden), known=bool(model.names)))
            tip = ", ".join(hidden[:40]) or self.check.toolTip()
            self.check.setItemData(number, tip, Qt.ItemDataRole.ToolTipRole)
        self.check.setCurrentIndex(self.check.findData(model.check))


def _words(choice: CheckChoice, n: int, *, known: bool) -> str:
    genes = "1 gene" if n == 1 else f"{n} genes" if n else "genes"
    if choice is CheckChoice.DRAWN:
        return f"{genes} drawn at random" + (" (too few are shared)" if known and not n else "")
    if choice is CheckChoice.LISTED:
        return f"{genes} of the list" + ("" if n else " (none is measured)")
    return "nothing: learn from all genes"
