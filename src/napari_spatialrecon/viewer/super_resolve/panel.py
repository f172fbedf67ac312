"""The outcome of Super-resolve: the gene to show, and the same gene as measured."""

from __future__ import annotations

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_spatialrecon.viewer.super_resolve.job import Resolved
from napari_spatialrecon.viewer.widgets.gene_search import GeneSearch
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.rows import row, side_by_side, small_button

BLINK_MS = 700
"""How long each of the two images is shown."""


class SuperPanel(QWidget):
    """Shows a `Resolved`; hidden until there is one.

    Signals: ``shown(gene)``; ``compared(bool)``, whether to show the gene as measured;
    ``doubted(bool)``, whether to show its uncertainty; ``pointed(bool)``, whether to show points.
    """

    shown = Signal(str)
    compared = Signal(bool)
    doubted = Signal(bool)
    pointed = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.genes: list[str] = []
        self.gene = GeneSearch("type part of a gene's name")
        self.back = small_button("‹", "The previous gene, in the order of the table")
        self.next = small_button("›", "The next gene, in the order of the table")
        self.measured, self.resolved = QPushButton("As measured"), QPushButton("Super-resolved")
        self.blink = QPushButton("Blink")
        self.blink.setToolTip("Alternate between measured and super-resolved")
        self.spread = QCheckBox("Show the uncertainty instead")
        self.spread.setToolTip(
            "Counts per part; twice that is to hold 95% of true counts, as on the slide seen "
            "coarser, and wider by what it grows there from step to step"
        )
        self.points = QCheckBox("Show the parts as points")
        self.note = WrappedLabel(
            "Solid: spots, measured and split. Faint: between spots, interpolated, not measured."
        )
        self._timer = QTimer(self)
        self._timer.setInterval(BLINK_MS)
        both = QButtonGroup(self)
        for button in (self.measured, self.resolved):
            button.setCheckable(True)
            both.addButton(button)
        self.blink.setCheckable(True)
        self._lay_out()
        self.gene.chosen.connect(self._find)
        self.back.clicked.connect(lambda: self._step(-1))
        self.next.clicked.connect(lambda: self._step(1))
        self.measured.toggled.connect(self.compared)
        self.blink.toggled.connect(self._set_blinking)
        self.spread.toggled.connect(self._show_spread)
        self.points.toggled.connect(self.pointed)
        self._timer.timeout.connect(self._turn)
        self.hide()

    def show_outcome(self, outcome: Resolved) -> None:
        """Offer the genes of a run."""
        self.genes = outcome.genes
        self.gene.offer(self.genes)
        self.blink.setChecked(False)
        self.resolved.setChecked(True)
        self.spread.setVisible(outcome.has_spread)
        self.spread.setChecked(False)
        self.points.setChecked(False)
        self.note.setVisible(bool(outcome.picture.gap.any()))
        for button in (self.back, self.next):
            button.setEnabled(len(self.genes) > 1)
        self.show()

    def show_gene(self, gene: str) -> None:
        """Name the gene that is shown."""
        self.gene.show_name(gene)

    def _find(self, text: str) -> None:
        if text in self.genes:
            self.shown.emit(text)
            return
        same = (g for g in self.genes if g.casefold() == text.casefold())
        self.shown.emit(next(same, text))

    def _step(self, by: int) -> None:
        text = self.gene.text()
        at = self.genes.index(text) if text in self.genes else -by
        self.shown.emit(self.genes[(at + by) % len(self.genes)])

    def _set_blinking(self, on: bool) -> None:
        if on:
            self.spread.setChecked(False)
            self._timer.start()
        else:
            self._timer.stop()
            self.resolved.setChecked(True)

    def _turn(self) -> None:
        (self.resolved if self.measured.isChecked() else self.measured).setChecked(True)

    def _show_spread(self, on: bool) -> None:
        if on:
            self.blink.setChecked(False)
            self.resolved.setChecked(True)
        for button in (self.measured, self.resolved, self.blink):
            button.setEnabled(not on)
        self.doubted.emit(on)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        label = QLabel("Gene")
        label.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        column.addWidget(row(label, self.gene, self.back, self.next))
        column.addWidget(side_by_side(self.measured, self.resolved, self.blink))
        for widget in (self.spread, self.points, self.note):
            column.addWidget(widget)
