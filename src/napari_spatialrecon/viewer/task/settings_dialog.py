"""The settings of a task's method, in a window that stays open beside napari's."""

from __future__ import annotations

from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_spatialrecon.viewer.widgets.form import ConfigForm
from napari_spatialrecon.viewer.widgets.qt_look import ignore_wheel
from napari_spatialrecon.viewer.widgets.rows import row, stack
from napari_spatialrecon.viewer.widgets.scroll_column import ScrollColumn
from napari_spatialrecon.viewer.widgets.tab_order import order_tabs
from napari_spatialrecon.viewer.window.present import present

_WIDTH, _HEIGHT = 420, 600


class SettingsDialog(QDialog):
    """Device, seed and process of a run, and the form of each method; not modal.

    Attributes
    ----------
    pages
        The forms; the one of the chosen method is visible.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.device, self.seed = QComboBox(), QSpinBox()
        self.seed.setMaximum(2**31 - 1)
        self.seed.setToolTip("The same seed gives the same result.")
        self.separate = QCheckBox("Run in a separate process")
        self.separate.setToolTip(
            "A crash or lack of memory then ends the run, not napari. Starting takes longer."
        )
        for field in (self.device, self.seed):
            ignore_wheel(field)
        self.pages, self._foot = stack(), stack()
        self.tally = QLabel()
        self._forms: list[ConfigForm] = []
        self._lay_out()

    def add(self, form: ConfigForm) -> None:
        """Add the form of a method."""
        self._forms.append(form)
        present(self.pages.layout()).addWidget(form.native)
        present(self._foot.layout()).addWidget(form.reset_button.native)

    def show_form(self, form: ConfigForm, title: str) -> None:
        """Show the form of the chosen method."""
        self.setWindowTitle(f"Settings of {title}")
        for other in self._forms:
            other.visible = other is form
            other.reset_button.native.setVisible(other is form)
        self.count(form)
        order_tabs(self)

    def count(self, form: ConfigForm) -> None:
        """Show how many settings differ from the preset."""
        self.tally.setText(form.tally.value)

    def open_beside(self) -> None:
        """Show the window, in front of others."""
        self.show()
        self.raise_()
        self.activateWindow()

    def _lay_out(self) -> None:
        area = ScrollColumn()
        column = area.column
        column.addWidget(row(QLabel("Device"), self.device, QLabel("Seed"), self.seed))
        column.addWidget(self.separate)
        column.addWidget(self.pages)
        column.addStretch()
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 8)
        layout.addWidget(area, 1)
        layout.addWidget(row(self._foot, self.tally, close))
        self.resize(_WIDTH, _HEIGHT)
