"""Genes that mark a group: a table, a volcano plot and a dot plot, each of which picks genes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QHeaderView,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_spatialrecon.viewer.inspect.dot_view import TOP, Compared, DotView
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.rows import side_by_side
from napari_spatialrecon.viewer.widgets.sorted_table import Column, SortedTable
from napari_spatialrecon.viewer.window.tones import DARK, Tones

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 2_000
"""Most rows of the table: the strongest at either end."""
SIGNIFICANT = 0.05
_HEIGHT = 170
_WORDS = (
    "Neighboring cells resemble each other and the region was drawn by hand: the p-values are too "
    "small, and only rank the genes."
)


class MarkersView(QWidget):
    """Shows the result of `tasks.groups.markers`.

    Signals: ``picked(gene)``, a gene that was clicked.
    """

    picked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.tones: Tones = DARK
        self.found: pd.DataFrame | None = None
        self._genes: list[str] = []
        self._compared: Compared | None = None
        self.table = SortedTable(QHeaderView.ResizeMode.Stretch)
        self.plot = pg.PlotWidget(background=None)
        self.plot.setFixedHeight(_HEIGHT)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setMouseEnabled(False, False)
        self.plot.setFrameShape(pg.PlotWidget.Shape.NoFrame)
        self.plot.setCacheMode(pg.PlotWidget.CacheModeFlag.CacheNone)  # it would outlive the theme
        self.plot.setLabel("bottom", "log2 fold change")
        self.plot.setLabel("left", "-log10 adjusted p")
        self.dots = pg.ScatterPlotItem(size=5, pen=None, hoverable=True, hoverSize=9)
        self.dots.sigClicked.connect(self._pick_dot)
        self.plot.addItem(self.dots)
        self.words = WrappedLabel(_WORDS)
        self.dot_view = DotView()
        self.dot_view.picked.connect(self._pick)
        self.volcano, self.dotted = QPushButton("Volcano"), QPushButton("Dot plot")
        self.dotted.setToolTip("How widely and how strongly groups and types express the genes")
        self._plots = QButtonGroup(self)
        for button in (self.volcano, self.dotted):
            button.setCheckable(True)
            self._plots.addButton(button)
        self.volcano.setChecked(True)
        self.dot_view.hide()
        self.dotted.toggled.connect(self._show_plot)
        plots = side_by_side(self.volcano, self.dotted)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for part in (self.table, plots, self.plot, self.dot_view, self.words):
            layout.addWidget(part)
        self.table.row_picked.connect(lambda at: self.picked.emit(self._genes[at]))

    def show_markers(
        self,
        found: pd.DataFrame,
        group: str = "the selection",
        rest: str = "all others",
        *,
        compared: Compared | None = None,
    ) -> None:
        """Show genes, one row each, highest score first.

        Parameters
        ----------
        group, rest
            What was compared with what, in words.
        compared
            Groups of the dot plot; without them, there is none.
        """
        self.found = found
        self._compared = compared
        self.dotted.setEnabled(compared is not None)
        if compared is None:
            self.volcano.setChecked(True)
        self._offer()
        self.plot.setToolTip(
            f"Each dot is a gene: right, higher in {group}; up, the more certain. "
            "Genes without counts on one side are at the edge. Click one to color the layer by it."
        )
        kept = found
        if len(found) > SHOWN:
            kept = found.iloc[np.r_[: SHOWN // 2, len(found) - SHOWN // 2 : len(found)]]
        self._genes = [str(name) for name in kept.index]
        adjusted = kept["p_adjusted"].to_numpy(float)
        columns = [
            Column("Gene", np.asarray(self._genes, object)),
            Column(
                "log2 FC",
                np.where(one_sided(kept), np.nan, kept["log2_fold_change"].to_numpy(float)),
                f"log2 of the mean in {group} over the mean in {rest}; empty if one of them "
                "has no counts of the gene",
            ),
            Column(
                "adj. p",
                adjusted,
                "p-value, adjusted for the number of genes (Benjamini and Hochberg)",
                small=True,
            ),
            Column(
                "% in",
                100 * kept["expressed"].to_numpy(float),
                f"Share of the cells or spots in {group} with counts of the gene",
                decimals=0,
            ),
            Column(
                "% out",
                100 * kept["expressed_in_rest"].to_numpy(float),
                f"Share of the cells or spots in {rest} with counts of the gene",
                decimals=0,
            ),
        ]
        self.table.show_columns([*columns, Column("score", kept["score"].to_numpy(float))], 5)
        self.table.hideColumn(5)
        self._draw()

    def mark(self, gene: str) -> None:
        """Show a gene in the table, without emitting that it was picked."""
        if gene in self._genes:
            at = self._genes.index(gene)
            self.table.select(at, QAbstractItemView.ScrollHint.PositionAtCenter)

    def state(self) -> dict[str, Any]:
        """Return which plot is shown, and which genes were chosen for it."""
        return {"dots": self.dotted.isChecked(), "genes": self.dot_view.chosen}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Show the plot and the genes that were."""
        self.dot_view.chosen = state.get("genes")
        self.dotted.setChecked(bool(state.get("dots")))

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.tones = tones
        self.words.setStyleSheet(f"color: {tones.quiet};")
        self.dot_view.set_tones(tones)
        for side in ("bottom", "left"):
            axis = self.plot.getAxis(side)
            axis.setPen(tones.line)
            axis.setTextPen(tones.quiet)
        self.dots.opts["hoverBrush"] = pg.mkBrush(tones.warning)
        self._draw()

    def _draw(self) -> None:
        if self.found is None:
            return
        adjusted = self.found["p_adjusted"].to_numpy(float)
        change = drawn_change(self.found)
        marks = (adjusted < SIGNIFICANT) & (np.abs(change) >= 1)
        high, low = pg.mkBrush(self.tones.accent), pg.mkBrush(self.tones.line)
        self.dots.setData(
            x=change,
            y=surprise(adjusted),
            data=[str(name) for name in self.found.index],
            brush=[high if mark else low for mark in marks],
            tip=_tip,
        )

    def _show_plot(self, dots: bool) -> None:
        """Show the dot plot, or the volcano."""
        self.plot.setVisible(not dots)
        self.dot_view.setVisible(dots)
        self._offer()

    def _offer(self) -> None:
        """Compute the dot plot once it is looked at."""
        found, compared = self.found, self._compared
        if found is None or compared is None or not self.dotted.isChecked():
            return
        if self.dot_view.compared is not compared:
            self.dot_view.offer(compared, [str(gene) for gene in found.index[:TOP]])

    def _pick(self, gene: str) -> None:
        self.mark(gene)
        self.picked.emit(gene)

    def _pick_dot(self, item: object, points: list[pg.SpotItem], event: object = None) -> None:
        if len(points):
            self._pick(str(points[0].data()))


def one_sided(found: pd.DataFrame) -> np.ndarray:
    """Return which genes have no counts in the selection or none in the rest, (n_genes,) bool."""
    shares = found[["expressed", "expressed_in_rest"]].to_numpy(float)
    silent: np.ndarray = (shares <= 0).any(axis=1)
    return silent


def drawn_change(found: pd.DataFrame) -> np.ndarray:
    """Return log2 fold changes (n_genes,), those of one-sided genes no farther than all others.

    The fold change of a gene without counts on one side is infinite, and scanpy's stand-in for it
    would press all other genes together.
    """
    change = found["log2_fold_change"].to_numpy(float)
    measured = np.abs(change[~one_sided(found)])
    most = 1.1 * float(measured.max()) if len(measured) else 1.0
    drawn: np.ndarray = np.clip(change, -most, most)
    return drawn


def surprise(p: np.ndarray) -> np.ndarray:
    """Return -log10 of p-values, at most 300.

    Examples
    --------
    >>> surprise(np.array([1.0, 0.01, 0.0])).tolist()
    [0.0, 2.0, 300.0]
    """
    found: np.ndarray = -np.log10(np.maximum(np.asarray(p, float), 1e-300)) + 0.0
    return found


def _tip(x: float, y: float, data: str) -> str:
    return f"{data}\nlog2 fold change {x:.2f}, -log10 adjusted p {y:.1f}"
