"""Place cells: from what is open to cells on the tissue."""

from __future__ import annotations

from typing import Any

from napari_spatialrecon.viewer.place_job import Placed, PlaceJob
from napari_spatialrecon.viewer.place_model import PlaceModel
from napari_spatialrecon.viewer.result_layers import show_result
from napari_spatialrecon.viewer.widgets.place_inputs import PlaceInputs
from napari_spatialrecon.viewer.widgets.task_widget import TaskWidget
from napari_spatialrecon.viewer.workspace import Role


class PlaceCells(TaskWidget):
    """The widget Place cells of one viewer."""

    model: PlaceModel
    model_class = PlaceModel
    inputs_class = PlaceInputs

    def before_run(self, job: PlaceJob) -> None:
        """Note on which image, and how large, the cells will be shown."""
        self._ground = self.model.image.layer if self.model.image is not None else None
        self._diameter = _spot_size(self.model)

    def show_layer(self, outcome: Placed) -> Any:
        """Show the cells on their histology."""
        ground = self._ground if self._ground in self.viewer.layers else None
        return show_result(
            self.viewer,
            outcome,
            self.model.last.result_name,
            diameter_um=self._diameter,
            image=ground if _is_image(ground) else None,
        )


def _is_image(layer: Any) -> bool:
    from napari.layers import Image

    return isinstance(layer, Image)


def _spot_size(model: PlaceModel) -> float | None:
    """Return the diameter, µm, of a slide's spots that are placed as cells."""
    query = model.query
    if query is None or query.role is not Role.SLIDE or query.layer is None:
        return None
    return float(query.layer.size.max()) if query.um_per_unit else None
