"""The fields of Place cells: references, cells, and the histology to lay them on."""

from __future__ import annotations

from napari_spatialrecon.viewer.place_model import PlaceModel
from napari_spatialrecon.viewer.tables import short_name
from napari_spatialrecon.viewer.widgets.inputs import Row
from napari_spatialrecon.viewer.widgets.rows import combo, fill
from napari_spatialrecon.viewer.widgets.slides_inputs import SlidesInputs
from napari_spatialrecon.viewer.workspace import Entry, Role


class PlaceInputs(SlidesInputs):
    """Shows what a `PlaceModel` has chosen, and changes it."""

    model: PlaceModel
    cells_tip = "Cells to place. A slide's spots are placed without its coordinates."

    def make_fields(self) -> None:
        """Make and connect the fields."""
        super().make_fields()
        self.histology = combo()
        self.histology.setToolTip(
            "Where the result is laid: a reference's own frame, or any H&E, by the images alone."
        )
        self.histology.activated.connect(
            lambda i: setattr(self.model, "image", self.histology.itemData(i))
        )

    def rows(self) -> list[Row]:
        """Return references, cells and histology."""
        return [*super().rows(), ("Histology", self.histology, None)]

    def refresh(self) -> None:
        """Show what the model has chosen now."""
        super().refresh()
        images = [(_image_label(e), e) for e in self.model.images]
        fill(self.histology, images, self.model.image)

    def adopted(self, entry: Entry) -> None:
        """Use a layer: an image as histology, points as a slide."""
        if entry.role is Role.HISTOLOGY:
            self.model.image = entry
        else:
            super().adopted(entry)


def _image_label(entry: Entry) -> str:
    if entry.role is not Role.HISTOLOGY:
        return f"{short_name(entry)} (no H&E)"
    size = entry.layer.scale[-1] if entry.um_per_unit is not None else None
    return f"{entry.name} ({size:.2g} µm/px)" if size is not None else f"{entry.name} (no scale)"
