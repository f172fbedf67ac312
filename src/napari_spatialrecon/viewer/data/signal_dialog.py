"""How expression on a slide is arranged in space, asked before a run."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pyqtgraph as pg
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.notice import Notice
from napari_spatialrecon.viewer.window.tones import Tones
from napari_spatialrecon.viewer.window.worker import Run
from napari_spatialrecon.viewer.workspace.tables import short_name

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_spatialrecon.tissue.spatial_signal import SpatialSignal
    from napari_spatialrecon.viewer.workspace.workspace import Entry

_ABOUT = (
    "Each point is a range of distances between two spots, and how much their expression differs. "
    "Where tissue is arranged in space, near spots differ less than the dashed line, the mean over "
    "all pairs. A flat line means that expression does not tell where a spot lies: then nothing "
    "can be placed on this slide."
)


class SignalDialog(QDialog):
    """Says whether a slide carries a spatial signal, with expression against distance.

    Attributes
    ----------
    found
        The signal; None until it was computed.
    """

    def __init__(self, entry: Entry, tones: Tones, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        name = short_name(entry)
        self.setWindowTitle(f"Spatial signal of {name}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(420)
        self.found: SpatialSignal | None = None
        self.tones = tones
        self.verdict, self.about, self.notice = WrappedLabel(), WrappedLabel(_ABOUT), Notice()
        self.notice.set_tones(tones)
        self.verdict.setText("Looking at the genes of this slide…")
        self.about.setStyleSheet(f"color: {tones.quiet};")
        self.plot = pg.PlotWidget(background=None)
        self.plot.setMenuEnabled(False)
        self.plot.setMouseEnabled(False, False)
        self.plot.hideButtons()
        self.plot.setFixedHeight(260)
        self.plot.setFrameShape(pg.PlotWidget.Shape.NoFrame)
        self.plot.getPlotItem().layout.setContentsMargins(0, 8, 4, 6)
        for side in ("left", "bottom"):
            self.plot.getAxis(side).setPen(tones.line)
            self.plot.getAxis(side).setTextPen(tones.quiet)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        for widget in (self.verdict, self.plot, self.about, self.notice, buttons):
            layout.addWidget(widget)
        self.plot.hide()
        self.about.hide()
        run = Run(partial(_signal, entry.table(), name), "Spatial signal", parent=self, light=True)
        run.returned.connect(self._show)
        run.failed.connect(self._fail)
        run.start()

    def _show(self, found: SpatialSignal) -> None:
        self.found = found
        told = found.text[:1].upper() + found.text[1:]
        tone = self.tones.good if found.exists else self.tones.warning
        self.verdict.setText(f"{told}.")
        self.verdict.setStyleSheet(f"color: {tone};")
        self.plot.setLabel("bottom", f"Distance between two spots ({found.unit})")
        self.plot.setLabel("left", "Difference in expression")
        self.plot.setYRange(*found.drawn, padding=0)
        mean = pg.InfiniteLine(
            1.0, angle=0, pen=pg.mkPen(self.tones.quiet, style=Qt.PenStyle.DashLine)
        )
        self.plot.addItem(mean)
        self.plot.plot(
            found.distances,
            found.differences,
            pen=pg.mkPen(self.tones.accent, width=2),
            symbol="o",
            symbolSize=7,
            symbolBrush=self.tones.accent,
            symbolPen=None,
        )
        self.plot.setAccessibleName("Difference in expression against distance between spots")
        self.plot.show()
        self.about.show()
        lines = self.layout()
        assert lines is not None, "made in the constructor"
        lines.activate()
        self.resize(self.width(), lines.totalHeightForWidth(self.width()))

    def _fail(self, error: Exception) -> None:
        self.verdict.hide()
        self.notice.show_error(error)


def _signal(table: AnnData, name: str, *_: object) -> SpatialSignal:
    from napari_spatialrecon.tasks.signal import spatial_signal

    return spatial_signal(table, name=name)
