"""The fields of Deconvolve: a slide, a reference, and its column of cell types."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Qt

from napari_spatialrecon.viewer.deconvolve.model import MixtureModel
from napari_spatialrecon.viewer.task.inputs import Row
from napari_spatialrecon.viewer.task.one_slide_inputs import SlideAndReferenceInputs
from napari_spatialrecon.viewer.widgets.rows import combo


class MixtureInputs(SlideAndReferenceInputs):
    """Shows what a `MixtureModel` holds, and changes it."""

    model: MixtureModel
    reference_tip = "Open a table of cells with known types"

    def make_fields(self) -> None:
        """Make and connect slide, reference and column."""
        super().make_fields()
        model = self.model
        self.labels = combo()
        self.labels.activated.connect(lambda i: setattr(model, "labels", self.labels.itemData(i)))

    def rows(self) -> list[Row]:
        """Return slide, reference and column."""
        return [*super().rows(), ("Types", self.labels, None)]

    def refresh(self) -> None:
        """Show the model's current choices."""
        super().refresh()
        model = self.model
        with QSignalBlocker(self.labels):
            self.labels.clear()
            for number, (column, n) in enumerate(model.columns.items()):
                self.labels.addItem(f"{column} · {n} type{'s' if n > 1 else ''}", column)
                self.labels.setItemData(number, column, Qt.ItemDataRole.ToolTipRole)
            self.labels.setCurrentIndex(self.labels.findData(model.labels))
        self.labels.setEnabled(bool(model.columns))
        self.labels.setToolTip("Column of the reference that names the type of each cell")
