"""The fields of Deconvolve: a slide, a reference, and its column of cell types."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QFileDialog

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.deconvolve.job import Known
from napari_spatialrecon.viewer.deconvolve.model import MixtureModel
from napari_spatialrecon.viewer.task.inputs import Row
from napari_spatialrecon.viewer.task.one_slide_inputs import SlideAndReferenceInputs
from napari_spatialrecon.viewer.widgets.rows import combo, small_button

_CSV = "Tables (*.csv)"
_KNOWN = (
    "Shares, or whole numbers of cells, that are known of some spots: one row per spot, one column "
    "per type. COME alone uses them, and Auto then takes COME"
)


class MixtureInputs(SlideAndReferenceInputs):
    """Shows what a `MixtureModel` holds, and changes it."""

    model: MixtureModel
    reference_tip = "Open a table of cells with known types"

    def make_fields(self) -> None:
        """Make and connect slide, reference, column, and what is known."""
        self._offered: Known | None = None
        super().make_fields()
        model = self.model
        self.labels = combo()
        self.labels.activated.connect(lambda i: setattr(model, "labels", self.labels.itemData(i)))
        self.known = combo()
        self.known.setToolTip(_KNOWN)
        self.known_button = small_button("…", "Open a CSV of known shares or numbers of cells")
        self.known.activated.connect(lambda i: setattr(model, "known", self.known.itemData(i)))
        self.known_button.clicked.connect(self._ask_known)

    def rows(self) -> list[Row]:
        """Return slide, reference, column, and what is known."""
        return [
            *super().rows(),
            ("Types", self.labels, None),
            ("Known", self.known, self.known_button),
        ]

    def use_known(self, path: str) -> None:
        """Take known shares or numbers of cells from a CSV."""
        try:
            known = Known.read(path)
        except InputError as error:
            self.failed.emit(error)
            return
        self._offered = known
        self.model.known = known
        self.opened.emit()

    def _ask_known(self) -> None:
        path = QFileDialog.getOpenFileName(self, "Open known shares", "", _CSV)[0]
        if path:
            self.use_known(path)

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
        with QSignalBlocker(self.known):
            self.known.clear()
            self.known.addItem("nothing: all shares are estimated", None)
            if self._offered is not None:
                self.known.addItem(self._offered.path.name, self._offered)
                self.known.setItemData(1, str(self._offered.path), Qt.ItemDataRole.ToolTipRole)
            self.known.setCurrentIndex(0 if model.known is None else 1)
        self.labels.setEnabled(bool(model.columns))
        self.labels.setToolTip("Column of the reference that names the type of each cell")
