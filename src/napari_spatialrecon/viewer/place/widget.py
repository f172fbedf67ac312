"""Place cells: from open tables to cells on the tissue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QPushButton, QWidget

from napari_spatialrecon.viewer.place.inputs import PlaceInputs
from napari_spatialrecon.viewer.place.job import Placed
from napari_spatialrecon.viewer.place.mapping_panel import MappingPanel
from napari_spatialrecon.viewer.place.model import PlaceModel
from napari_spatialrecon.viewer.task.result_layers import show_result
from napari_spatialrecon.viewer.task.widget import TaskWidget
from napari_spatialrecon.viewer.widgets.rows import side_by_side
from napari_spatialrecon.viewer.window.memory import PLUGIN
from napari_spatialrecon.viewer.workspace.results import Result
from napari_spatialrecon.viewer.workspace.tables import short_name
from napari_spatialrecon.viewer.workspace.workspace import Role

if TYPE_CHECKING:
    from napari.layers import Points


class PlaceCells(TaskWidget[PlaceModel, Placed]):
    """The widget Place cells of one viewer."""

    model_class = PlaceModel
    inputs_class = PlaceInputs

    def more_parts(self) -> list[QWidget]:
        """Return the mapping panel, and the button that saves the trained model."""
        self.mapping = MappingPanel(self.viewer)
        self.save_model_button = QPushButton("Save model…")
        self.save_model_button.setToolTip("Save the model to place other cells without training")
        self.save_model_button.clicked.connect(self.save_model)
        self.correct_button = QPushButton("Correct by landmarks…")
        self.correct_button.setToolTip(
            "Give the true positions of some cells on the H&E, and the others follow"
        )
        self.correct_button.clicked.connect(self.correct)
        self.steps = side_by_side(self.correct_button, self.save_model_button)
        self.steps.hide()
        return [self.mapping, self.steps]

    def correct(self) -> None:
        """Open Landmarks on the result and its image."""
        layer, image = self.points, self.ground.image
        if layer is None:
            return
        window = self.viewer.window
        dock, landmarks = window.add_plugin_dock_widget(PLUGIN, "Landmarks", tabify=True)
        landmarks.work_on(layer, image)
        dock.show()
        dock.raise_()

    def save_model(self) -> None:
        """Ask where to save, and write the model in the background."""
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

    def show_layer(self, outcome: Placed) -> Points:
        """Show the cells on their histology."""
        self.save_model_button.setVisible(outcome.method is not None)
        self.steps.show()
        ground = self.ground
        layer = show_result(
            self.viewer,
            outcome,
            self.model.result_name,
            diameter_um=ground.diameter_um,
            image=ground.image,
            frame=ground.frame,
        )
        shown = str(outcome.record.get("settings", {}).get("display", ""))
        self.mapping.show_result(outcome.adata, layer, ground.slides, shown)
        return layer

    def show_reopened(self, outcome: Placed, result: Result) -> None:
        """Follow clicks on the cells, and on those of their slides that are open."""
        self.save_model_button.hide()
        self.steps.show()
        slides = self.space.of_role(Role.SLIDE)
        layers = {short_name(e): e.points for e in slides if e.points is not None}
        if self.points is not None:
            shown = str(outcome.record.get("settings", {}).get("display", ""))
            self.mapping.show_result(outcome.adata, self.points, layers, shown)
