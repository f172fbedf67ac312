"""The color map of numbers: its colors, and its limits on a histogram."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QSignalBlocker, QSize, Signal
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_spatialrecon.viewer.canvas.coloring import Coloring
from napari_spatialrecon.viewer.canvas.layer_values import Found
from napari_spatialrecon.viewer.canvas.limits import PERCENTILES
from napari_spatialrecon.viewer.canvas.palette import CERTAINTY, color_map
from napari_spatialrecon.viewer.inspect.histogram import LimitsHistogram
from napari_spatialrecon.viewer.widgets.rows import combo
from napari_spatialrecon.viewer.window.tones import Tones

MAPS = ("viridis", "magma", "inferno", "plasma", CERTAINTY, "gray", "gray_r", "turbo", "PiYG")
"""Color maps that are offered; all but the last two keep their order for every reader."""
_PERCENTILES = (PERCENTILES, (0.0, 100.0), (5.0, 95.0), (0.1, 99.9))
_BY_HAND = "by hand"
_ICON = QSize(36, 12)


class NumberScale(QWidget):
    """Shows and changes how numbers are colored.

    Signals: ``changed(fields)``, the fields of `Coloring` that were chosen.
    """

    changed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.histogram = LimitsHistogram()
        self.maps, self.percentiles = combo(), combo()
        self.maps.setAccessibleName("Color map")
        self.maps.setToolTip("Colors from low to high values")
        self.maps.setIconSize(_ICON)
        for name in MAPS:
            self.maps.addItem(_icon(name), name)
        self.percentiles.setAccessibleName("Limits")
        self.percentiles.setToolTip(
            "Values at the two ends of the color map. Percentiles of the values above zero, where "
            "many are zero."
        )
        for low, high in _PERCENTILES:
            self.percentiles.addItem(f"{low:g}–{high:g}%", (low, high))
        self.percentiles.addItem(_BY_HAND)
        self.log = QCheckBox("log")
        self.log.setToolTip("Color by the logarithm of the values")
        self.zeros = QLabel()
        self._found: Found | None = None
        self._lay_out()
        self.histogram.dragged.connect(self._drag)
        self.maps.activated.connect(lambda: self._change(colormap=self.maps.currentText()))
        self.percentiles.activated.connect(self._choose_percentiles)
        self.log.toggled.connect(lambda on: self._change(log=on, limits=None))

    def show_scale(
        self, coloring: Coloring, found: Found, limits: tuple[float, float], colormap: str
    ) -> None:
        """Show what the colors of a layer mean."""
        if found is not self._found:
            zeros = self.histogram.show_values(np.asarray(found.values, float))
            self.zeros.setText(f"{zeros:.0%} are zero" if zeros else "")
            self._found = found
        self.histogram.show_limits(limits, colormap)
        self.zeros.setToolTip("Zeros are not drawn: they would hide the other values")
        with QSignalBlocker(self.maps):
            if self.maps.findText(colormap) < 0:
                self.maps.addItem(_icon(colormap), colormap)
            self.maps.setCurrentText(colormap)
        self._show_percentiles(coloring)
        with QSignalBlocker(self.log):
            self.log.setChecked("log" in found.title)
        self.log.setEnabled("as in the table" not in found.title and found.kind == "gene")

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.histogram.set_tones(tones)
        self.zeros.setStyleSheet(f"color: {tones.quiet};")

    def _show_percentiles(self, coloring: Coloring) -> None:
        by_hand = coloring.limits is not None
        low, high = coloring.percentiles
        text = _BY_HAND if by_hand else f"{low:g}–{high:g}%"
        with QSignalBlocker(self.percentiles):
            self.percentiles.setCurrentIndex(max(0, self.percentiles.findText(text)))

    def _choose_percentiles(self) -> None:
        chosen = self.percentiles.currentData()
        if chosen is None:
            self._change(limits=self.histogram.limits)
        else:
            self._change(percentiles=tuple(chosen), limits=None)

    def _drag(self, low: float, high: float) -> None:
        with QSignalBlocker(self.percentiles):
            self.percentiles.setCurrentText(_BY_HAND)
        if high > low:
            self._change(limits=(low, high))

    def _change(self, **fields: object) -> None:
        self.changed.emit(fields)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.histogram)
        line = QHBoxLayout()
        boxes: tuple[QComboBox, ...] = (self.percentiles, self.maps)
        for box in boxes:
            line.addWidget(box, 1)
        line.addWidget(self.log)
        layout.addLayout(line)
        layout.addWidget(self.zeros)


def _icon(name: str) -> QIcon:
    """Return a color map as a strip."""
    width, height = _ICON.width(), _ICON.height()
    strip = (color_map(name).map(np.linspace(0, 1, width)) * 255).astype(np.uint8)
    pixels = np.ascontiguousarray(np.tile(strip[None], (height, 1, 1)))
    image = QImage(pixels.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888)
    return QIcon(QPixmap.fromImage(image.copy()))
