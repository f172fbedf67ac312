"""The fields of Place cells: references, cells, and the histology to show them on."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QFileDialog, QLabel, QSizePolicy, QWidget

from napari_spatialrecon.viewer.place.encoder_dialog import EncoderDialog
from napari_spatialrecon.viewer.place.model import PlaceModel
from napari_spatialrecon.viewer.task.inputs import Row
from napari_spatialrecon.viewer.task.saved_choice import SavedModelInputs
from napari_spatialrecon.viewer.task.slides_inputs import SlidesInputs
from napari_spatialrecon.viewer.widgets.rows import combo, fill, row
from napari_spatialrecon.viewer.workspace.tables import short_name
from napari_spatialrecon.viewer.workspace.workspace import Entry, Role


class PlaceInputs(SlidesInputs, SavedModelInputs):
    """Shows what a `PlaceModel` holds, and changes it."""

    model: PlaceModel
    cells_tip = "Cells to place. A slide's spots are placed without its coordinates."

    def make_fields(self) -> None:
        """Make and connect the fields."""
        super().make_fields()
        self.histology = combo()
        self.histology.setToolTip(
            "The frame of the result: a reference, or any H&E, registered by the images alone."
        )
        self.trained = combo()
        self.trained.setToolTip(
            "Training takes most of the time; a saved model can place more cells of its tissue."
        )
        self.trained.activated.connect(self._choose_model)
        self.encoder = combo()
        self.encoder.setToolTip(
            "What embeds the cells before placement: as the settings say, an encoder that is "
            "trained first on these slides and cells, or one that was opened"
        )
        self.encoder.activated.connect(self._choose_encoder)
        label = QLabel("Encoder")
        label.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        self.encoder_row = row(label, self.encoder)
        self.training: EncoderDialog | None = None
        self.histology.activated.connect(
            lambda i: setattr(self.model, "image", self.histology.itemData(i))
        )

    def rows(self) -> list[Row]:
        """Return references, cells and histology."""
        own = [("Histology", self.histology, None), ("Model", self.trained, None)]
        return [*super().rows(), *own]

    def below(self) -> list[QWidget]:
        """Return the choice of an encoder, and the field for a missing scale."""
        return [self.encoder_row, *super().below()]

    def refresh(self) -> None:
        """Show the model's current choices."""
        super().refresh()
        images = [(_image_label(e), e) for e in self.model.images]
        fill(self.histology, images, self.model.image)
        self._show_encoders()
        self._show_models()

    def _choose_model(self, index: int) -> None:
        if index == 0:
            self.model.saved = None
        elif index == self.trained.count() - 1:
            folder = QFileDialog.getExistingDirectory(self, "Use a saved model")
            if folder:
                self.use_model(folder)
        self._show_models()

    def _show_models(self) -> None:
        """Offer training, the saved model in use, and the choice of one; its settings are fixed."""
        saved = self.model.saved
        with QSignalBlocker(self.trained):
            self.trained.clear()
            self.trained.addItem("Train a new model")
            if saved is not None:
                self.trained.addItem(f"{saved.folder.name} (saved)")
                self.trained.setItemData(1, str(saved.folder), Qt.ItemDataRole.ToolTipRole)
            self.trained.addItem("Use a saved model…")
            self.trained.setCurrentIndex(0 if saved is None else 1)
        for part in (self.heads, self.settings.pages):
            part.setEnabled(saved is None)

    def _show_encoders(self) -> None:
        """Offer encoders and their training, if the method accepts one."""
        found = self.model.encoders
        self.encoder_row.setVisible(self.model.takes_encoder)
        with QSignalBlocker(self.encoder):
            self.encoder.clear()
            self.encoder.addItem("As in the settings", None)
            for entry in found:
                self.encoder.addItem(entry.name, entry)
            self.encoder.addItem("Train an encoder first…", None)
            chosen = self.model.encoder
            self.encoder.setCurrentIndex(0 if chosen is None else 1 + found.index(chosen))

    def _choose_encoder(self, index: int) -> None:
        if index == self.encoder.count() - 1:
            self._show_encoders()
            self.train_encoder()
        else:
            self.model.encoder = self.encoder.itemData(index)

    def train_encoder(self) -> EncoderDialog:
        """Open the training of an encoder on the slides and cells that are chosen here."""
        if self.training is None:
            self.training = EncoderDialog(self.model, self.viewer, self)
        self.training.open_beside()
        return self.training

    def adopted(self, entry: Entry) -> None:
        """Use a layer: an image as histology, points as a slide."""
        if entry.role is Role.HISTOLOGY:
            self.model.image = entry
        else:
            super().adopted(entry)


def _image_label(entry: Entry) -> str:
    if entry.role is not Role.HISTOLOGY:
        return f"{short_name(entry)} (no H&E)"
    if entry.layer is None or entry.um_per_unit is None:
        return f"{entry.name} (no scale)"
    return f"{entry.name} ({entry.layer.scale[-1]:.2g} µm/px)"
