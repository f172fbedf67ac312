"""The fields of Deconvolve: a slide, a reference, and the column that names its types."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QFileDialog

from napari_spatialrecon.viewer.deconvolve.model import MixtureModel
from napari_spatialrecon.viewer.task.inputs import Inputs, Row
from napari_spatialrecon.viewer.widgets.rows import combo, fill, small_button
from napari_spatialrecon.viewer.workspace.opening import FILTER, open_table
from napari_spatialrecon.viewer.workspace.tables import short_name
from napari_spatialrecon.viewer.workspace.workspace import Entry, Role


class MixtureInputs(Inputs):
    """Shows what a `MixtureModel` has chosen, and changes it."""

    model: MixtureModel

    def make_fields(self) -> None:
        """Make and connect slide, reference and column."""
        model = self.model
        self.slide, self.slide_button = combo(), small_button("…", "Open a slide")
        self.reference = combo()
        self.reference_button = small_button("…", "Open a table of cells whose types are known")
        self.labels = combo()
        self.slide.activated.connect(lambda i: setattr(model, "slide", self.slide.itemData(i)))
        self.reference.activated.connect(
            lambda i: setattr(model, "reference", self.reference.itemData(i))
        )
        self.labels.activated.connect(lambda i: setattr(model, "labels", self.labels.itemData(i)))
        self.slide_button.clicked.connect(self.start_opening)
        self.reference_button.clicked.connect(partial(self._ask, Role.QUERY))

    def rows(self) -> list[Row]:
        """Return slide, reference and column."""
        return [
            ("Slide", self.slide, self.slide_button),
            ("Reference", self.reference, self.reference_button),
            ("Types", self.labels, None),
        ]

    def refresh(self) -> None:
        """Show what the model has chosen now."""
        model = self.model
        fill(self.slide, [(short_name(e), e) for e in model.slides], model.slide)
        fill(self.reference, [(short_name(e), e) for e in model.references], model.reference)
        with QSignalBlocker(self.labels):
            self.labels.clear()
            for number, (column, n) in enumerate(model.columns.items()):
                self.labels.addItem(f"{column} · {n} type{'s' if n > 1 else ''}", column)
                self.labels.setItemData(number, column, Qt.ItemDataRole.ToolTipRole)
            self.labels.setCurrentIndex(self.labels.findData(model.labels))
        self.labels.setEnabled(bool(model.columns))
        self.labels.setToolTip("Column of the reference that names the type of each cell")

    def open(self, path: str, role: Role) -> None:
        """Open a file as the slide or as the reference, and choose it."""

        def use(entry: Entry) -> None:
            setattr(self.model, "slide" if role is Role.SLIDE else "reference", entry)
            self.opened.emit()

        open_table(self.viewer, path, role, parent=self, opened=use, failed=self.failed.emit)

    def start_opening(self) -> None:
        """Ask for the slide."""
        self._ask(Role.SLIDE)

    def _ask(self, role: Role) -> None:
        title = "Open a slide" if role is Role.SLIDE else "Open a table of cells"
        path = QFileDialog.getOpenFileName(self, title, filter=FILTER)[0]
        if path:
            self.open(path, role)
