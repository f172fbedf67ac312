"""The legend of the selected layer, in the tab Inspect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout

from napari_spatialrecon.viewer.inspect.part import Part
from napari_spatialrecon.viewer.legend.widget import LegendWidget
from napari_spatialrecon.viewer.window.tones import Tones

if TYPE_CHECKING:
    from napari.layers import Points
    from napari.viewer import Viewer


class LegendPart(Part):
    """The section Legend of the tab Inspect."""

    title = "Legend"

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer)
        self.legend = LegendWidget(within=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.legend)

    def show_layer(self, layer: Points | None) -> None:
        """Explain this layer."""
        if layer is not None:
            self.legend.legend.set_layer(layer)
        elif self.legend.legend.layer not in self.viewer.layers:
            self.legend.legend.set_layer(None)

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.legend.set_tones(tones)
