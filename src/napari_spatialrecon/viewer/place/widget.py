"""Place cells: from what is open to cells on the tissue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QPushButton, QWidget

from napari_spatialrecon.tissue.slots import UNCERTAINTY
from napari_spatialrecon.viewer.place.inputs import PlaceInputs
from napari_spatialrecon.viewer.place.job import Placed
from napari_spatialrecon.viewer.place.mapping_panel import MappingPanel
from napari_spatialrecon.viewer.place.model import PlaceModel
from napari_spatialrecon.viewer.task.job import Job
from napari_spatialrecon.viewer.task.result_layers import show_result
from napari_spatialrecon.viewer.task.widget import TaskWidget
from napari_spatialrecon.viewer.workspace.workspace import Role

if TYPE_CHECKING:
    from napari.layers import Points


class PlaceCells(TaskWidget[PlaceModel, Placed]):
    """The widget Place cells of one viewer."""

    model_class = PlaceModel
    inputs_class = PlaceInputs

    def more_parts(self) -> list[QWidget]:
        """Return where cells may lie, and the button that keeps the trained model."""
        self.mapping = MappingPanel(self.viewer)
        self.mapping.cleared.connect(lambda: self._color(UNCERTAINTY))
        self.save_model_button = QPushButton("Save model…")
        self.save_model_button.setToolTip("Keep the model, to place other cells without training")
        self.save_model_button.clicked.connect(self.save_model)
        self.save_model_button.hide()
        return [self.mapping, self.save_model_button]

    def save_model(self) -> None:
        """Ask where, and write the model in the background."""
        name = f"{self.model.result_name} model".replace("/", "_")
        folder = QFileDialog.getSaveFileName(self, "Save model as a folder", name)[0]
        if folder:
            self.save_model_as(folder)

    def save_model_as(self, folder: str) -> None:
        """Write the model in the background."""
        outcome, name = self.model.outcome, Path(folder).name
        assert outcome is not None and outcome.method is not None, "saved after a run here"
        method = outcome.method

        def work(*_: object) -> str:
            method.save(folder)
            return f"Saved the model as {name}"

        self.save_in_background(work)

    def before_run(self, job: Job) -> None:
        """Note on which image, and how large, the cells will be shown."""
        self._ground = self.model.image.image if self.model.image is not None else None
        self._diameter = _spot_size(self.model)
        slides = {name: entry.points for entry, name in self.model.names.items()}
        self._slides = {name: layer for name, layer in slides.items() if layer is not None}

    def show_layer(self, outcome: Placed) -> Points:
        """Show the cells on their histology."""
        self.save_model_button.setVisible(outcome.method is not None)
        ground = self._ground if self._ground in self.viewer.layers else None
        layer = show_result(
            self.viewer,
            outcome,
            self.model.result_name,
            diameter_um=self._diameter,
            image=ground,
        )
        shown = str(outcome.record.get("settings", {}).get("display", ""))
        self.mapping.show_result(outcome.adata, layer, self._slides, shown)
        return layer


def _spot_size(model: PlaceModel) -> float | None:
    """Return the diameter, µm, of a slide's spots that are placed as cells."""
    query = model.query
    if query is None or query.role is not Role.SLIDE or query.points is None:
        return None
    return float(query.points.size.max()) if query.um_per_unit else None
