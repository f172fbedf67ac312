"""A combo box that elides its current text if that is too long."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QPaintEvent
from qtpy.QtWidgets import QComboBox, QStyle, QStyleOptionComboBox, QStylePainter

from napari_spatialrecon.viewer.window.present import present


class ElidingCombo(QComboBox):
    """A `QComboBox` that shows … in place of what does not fit."""

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the box with its text elided."""
        painter = QStylePainter(self)
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        style, field = present(self.style()), QStyle.SubControl.SC_ComboBoxEditField
        control = QStyle.ComplexControl.CC_ComboBox
        width = style.subControlRect(control, option, field, self).width() - 6
        option.currentText = option.fontMetrics.elidedText(
            option.currentText, Qt.TextElideMode.ElideMiddle, width
        )
        painter.drawComplexControl(control, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        painter.end()
