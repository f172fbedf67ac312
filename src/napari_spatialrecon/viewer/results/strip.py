"""A color map as a strip with its ends."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

_HEIGHT = 10


class ColorStrip(QWidget):
    """What the colors of a comparison mean."""

    def __init__(self) -> None:
        super().__init__()
        self.low, self.picture, self.high = QLabel(), QLabel(), QLabel()
        self.picture.setScaledContents(True)
        self.picture.setFixedHeight(_HEIGHT)
        self.picture.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.low)
        row.addWidget(self.picture, 1)
        row.addWidget(self.high)

    def show_colors(self, colors: str, low: str, high: str, tip: str) -> None:
        """Show a color map of napari, and what its ends stand for."""
        from napari_spatialrecon.viewer.results.pieces import mapped

        rgba = np.ascontiguousarray(
            (255 * mapped(np.linspace(0, 1, 128), (0.0, 1.0), colors)).astype(np.uint8)
        )
        image = QImage(rgba.tobytes(), len(rgba), 1, 4 * len(rgba), QImage.Format.Format_RGBA8888)
        self.picture.setPixmap(
            QPixmap.fromImage(image.copy()).scaled(
                256,
                _HEIGHT,
                Qt.AspectRatioMode.IgnoreAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
        )
        self.low.setText(low)
        self.high.setText(high)
        self.setToolTip(tip)
