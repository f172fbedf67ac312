"""The outcome of Impute genes: the gene to show, its reliability, and a table of all genes."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_spatialrecon.viewer.impute_genes.job import Imputed
from napari_spatialrecon.viewer.impute_genes.table import GeneTable
from napari_spatialrecon.viewer.task.checks import Checks
from napari_spatialrecon.viewer.task.job import Line
from napari_spatialrecon.viewer.widgets.gene_search import GeneSearch
from napari_spatialrecon.viewer.widgets.rows import row
from napari_spatialrecon.viewer.window.tones import Tones


class GenePanel(QWidget):
    """Shows an `Imputed`; hidden until there is one.

    Signals: ``shown(gene)``; ``compared(bool)``, whether to show held-out genes as measured too;
    ``doubted(bool)``, whether to show the uncertainty; ``pictured(bool)``, whether an image;
    ``save()``.
    """

    shown = Signal(str)
    compared = Signal(bool)
    doubted = Signal(bool)
    pictured = Signal(bool)
    save = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.gene, self.sentence = GeneSearch("type part of a gene's name"), Checks()
        self.beside = QCheckBox("Show the measurement to the right")
        self.beside.setToolTip("For genes that were measured and hidden from the run")
        self.spread = QCheckBox("Show the uncertainty instead")
        self.spread.setToolTip("Standard deviation of the imputed gene in each spot")
        self.picture = QCheckBox("Also show an image")
        self.picture.setToolTip("Each pixel has the value of its nearest spot")
        self.table, self.save_button = GeneTable(), QPushButton("Save table…")
        self.save_button.setToolTip(
            "One row per gene: origin, expected and found correlation, as CSV"
        )
        self.gene.chosen.connect(self.shown)
        self.table.picked.connect(self.shown)
        self.beside.toggled.connect(self.compared)
        self.spread.toggled.connect(self.doubted)
        self.picture.toggled.connect(self.pictured)
        self.save_button.clicked.connect(self.save)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        label = QLabel("Gene")
        label.setFixedWidth(44)
        column.addWidget(row(label, self.gene))
        for widget in (self.sentence, self.beside, self.spread, self.picture, self.table):
            column.addWidget(widget)
        column.addWidget(self.save_button)
        self.hide()

    def show_outcome(self, outcome: Imputed) -> None:
        """Offer the genes of a run."""
        genes = outcome.genes
        self.gene.offer(list(map(str, genes.index)))
        self.beside.setChecked(True)
        for box in (self.spread, self.picture):
            box.setChecked(False)
        self.table.show_genes(genes)
        self.show()

    def show_gene(self, gene: str, line: Line, *, held_out: bool) -> None:
        """Name the gene that is shown and describe its reliability."""
        self.gene.show_name(gene)
        self.sentence.show_lines([line])
        self.beside.setEnabled(held_out)
        self.table.select_gene(gene)

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.sentence.set_tones(tones)
