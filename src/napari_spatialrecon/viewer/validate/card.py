"""One validation as it is shown: the verdict, its picture, and what to bear in mind."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QImage, QPainter, QPaintEvent
from qtpy.QtWidgets import QFrame, QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.window.tones import DARK, LIGHT, Tones
from napari_spatialrecon.viewer.workspace.validations import Found


class Card(QFrame):
    """A validation, with Save… and Remove.

    Signals: ``saved()`` and ``removed()``, as their buttons are pressed.
    """

    saved = Signal()
    removed = Signal()

    def __init__(self, found: Found) -> None:
        super().__init__()
        self.setObjectName("validation")
        self.found, self.tones = found, DARK
        self.title = QElidingLabel(found.name)
        self.title.setToolTip(found.name)
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.verdict = WrappedLabel(found.validation.verdict)
        self.picture = Drawn(found)
        skipped = found.validation.skipped.items()
        notes = [*found.validation.notes, *(f"{n} is missing: {why}." for n, why in skipped)]
        self.notes = WrappedLabel("\n".join(notes))
        self.notes.setVisible(bool(notes))
        self.save_button, self.remove_button = QPushButton("Save…"), QPushButton("Remove")
        self.save_button.setToolTip(
            "A folder with the numbers, the picture and the record; beside a saved result, its "
            "report shows them"
        )
        self.save_button.clicked.connect(self.saved)
        self.remove_button.clicked.connect(self.removed)
        buttons = QHBoxLayout()
        buttons.addWidget(self.save_button)
        buttons.addWidget(self.remove_button)
        buttons.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 8, 8)
        column.setSpacing(6)
        for widget in (self.title, self.verdict, self.picture, self.notes):
            column.addWidget(widget)
        column.addLayout(buttons)

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.tones = tones
        tone = tones.warning if self.found.validation.told.doubtful else tones.good
        self.setStyleSheet(
            f"#validation {{ border: 1px solid {tones.line}; border-left: 3px solid {tone};"
            " border-radius: 3px; }"
        )
        self.title.setStyleSheet("font-weight: 600;")
        self.verdict.setStyleSheet(f"color: {tone};")
        self.notes.setStyleSheet(f"color: {tones.quiet};")
        self.picture.set_tones(tones)


class Drawn(QWidget):
    """A picture as wide as there is room."""

    def __init__(self, found: Found) -> None:
        super().__init__()
        self._images = {DARK: _image(found.dark), LIGHT: _image(found.light)}
        self._image = self._images[DARK]
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName(f"Picture of the verdict: {found.validation.verdict}")

    def set_tones(self, tones: Tones) -> None:
        """Use the picture of a theme."""
        self._image = self._images[LIGHT if tones is LIGHT else DARK]
        self.update()

    def heightForWidth(self, width: int) -> int:
        """Return the height that keeps the proportions."""
        return round(width * self._image.height() / self._image.width())

    def sizeHint(self) -> QSize:
        """Half of its pixels, which are drawn for fine screens."""
        return self._image.size() / 2

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        ratio = self.devicePixelRatioF()
        size = QSize(self.width(), self.heightForWidth(self.width())) * ratio
        smooth = Qt.TransformationMode.SmoothTransformation
        shown = self._image.scaled(size, Qt.AspectRatioMode.KeepAspectRatio, smooth)
        shown.setDevicePixelRatio(ratio)
        painter.drawImage(0, 0, shown)
        painter.end()


def _image(pixels: np.ndarray) -> QImage:
    height, width = pixels.shape[:2]
    data = np.ascontiguousarray(pixels).tobytes()
    return QImage(data, width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()
