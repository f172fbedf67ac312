"""The fields of Impute genes: slide, reference, genes to impute, and genes hidden as a check."""

from __future__ import annotations

from qtpy.QtCore import Qt

from napari_spatialrecon.viewer.impute_genes.model import CheckChoice, GeneModel
from napari_spatialrecon.viewer.task.gene_list_field import GeneListField
from napari_spatialrecon.viewer.task.gene_list_model import GeneChoice
from napari_spatialrecon.viewer.task.inputs import Row
from napari_spatialrecon.viewer.task.one_slide_inputs import SlideAndReferenceInputs
from napari_spatialrecon.viewer.widgets.rows import combo


class GeneInputs(SlideAndReferenceInputs):
    """Shows what a `GeneModel` holds, and changes it."""

    model: GeneModel
    reference_tip = "Open a table of cells with more genes"

    def make_fields(self) -> None:
        """Make and connect the fields."""
        super().make_fields()
        model = self.model
        self.genes, self.check = combo(), combo()
        self.genes.addItem("A list", GeneChoice.LIST)
        self.genes.addItem("All missing from the slide", GeneChoice.ALL)
        for choice in CheckChoice:
            self.check.addItem("", choice)
        self.check.setToolTip(
            "Measured genes that are hidden from the run and imputed as a check: comparing them "
            "with the measurement shows how accurate the maps are"
        )
        self.gene_list = GeneListField(model, "type a gene's name, or paste a list")
        self.gene_list.failed.connect(self.failed)
        self.gene_list.opened.connect(self.opened)
        self.genes.activated.connect(lambda i: setattr(model, "choice", self.genes.itemData(i)))
        self.check.activated.connect(lambda i: setattr(model, "check", self.check.itemData(i)))

    def rows(self) -> list[Row]:
        """Return slide, reference, genes and check."""
        return [
            *super().rows(),
            ("Genes", self.genes, None),
            ("", self.gene_list, None),
            ("Hide", self.check, None),
        ]

    def refresh(self) -> None:
        """Show the model's current choices."""
        super().refresh()
        model = self.model
        measured = model.measured
        self.genes.setCurrentIndex(self.genes.findData(model.choice))
        listed = f"A list ({len(model.genes):,})" if model.genes else "A list…"
        self.genes.setItemText(0, listed)
        number = f" ({model.n_missing:,})" if model.names and measured else ""
        self.genes.setItemText(1, f"All missing from the slide{number}")
        self.gene_list.setVisible(model.choice is GeneChoice.LIST)
        self.gene_list.refresh(measured)
        self._show_check()

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
    return "none: train on all genes"
