"""Deconvolve: from spots and labelled cells to the cell types in each spot."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QWidget

from napari_spatialrecon.tissue.slots import MAIN_TYPE
from napari_spatialrecon.viewer.canvas.clicks import on_click
from napari_spatialrecon.viewer.canvas.coloring import color_layer
from napari_spatialrecon.viewer.canvas.colors import ColorKey, color_key
from napari_spatialrecon.viewer.canvas.layer_values import layer_names
from napari_spatialrecon.viewer.canvas.twin_layers import find_twin, forget_twin
from napari_spatialrecon.viewer.deconvolve.inputs import MixtureInputs
from napari_spatialrecon.viewer.deconvolve.job import Mixed
from napari_spatialrecon.viewer.deconvolve.layers import share_name, show_mixtures, show_share
from napari_spatialrecon.viewer.deconvolve.model import MixtureModel
from napari_spatialrecon.viewer.deconvolve.panel import ALL_TYPES, MixturePanel
from napari_spatialrecon.viewer.task.table_result_widget import TableResultWidget
from napari_spatialrecon.viewer.workspace.results import Result

if TYPE_CHECKING:
    import pandas as pd
    from napari.layers import Points
    from napari.viewer import Viewer


class Deconvolve(TableResultWidget[MixtureModel, Mixed]):
    """The widget Deconvolve of one viewer."""

    model_class = MixtureModel
    inputs_class = MixtureInputs
    row_name = "spot"
    curves_tip = "The loss of the mapping of cells to spots."

    def __init__(self, napari_viewer: Viewer) -> None:
        self.mixtures = MixturePanel()
        self._stop_listening: list[Callable[[], None]] = []
        super().__init__(napari_viewer)
        self.mixtures.shown.connect(self._show_type)
        self.mixtures.picked.connect(self._select)
        self.mixtures.save.connect(self.ask_for_table)

    def more_parts(self) -> list[QWidget]:
        """Return the panel of the outcome."""
        return [self.mixtures]

    def show_layer(self, outcome: Mixed) -> Points:
        """Show the spots as pies on their histology."""
        name = self.model.result_name
        forget_twin(self.viewer, share_name(name))
        ground = self.ground
        layer = show_mixtures(
            self.viewer,
            outcome,
            name,
            diameter_um=ground.diameter_um,
            image=ground.image,
            frame=ground.frame,
        )
        ground.hide_spots()
        layer.visible = True
        self._follow(outcome, layer)
        return layer

    def show_reopened(self, outcome: Mixed, result: Result) -> None:
        """Show the shares, and follow clicks on the pies."""
        if self.points is not None:
            self._follow(outcome, self.points)

    def _follow(self, outcome: Mixed, layer: Points) -> None:
        """Show the shares of an outcome, and follow clicks on its layer."""
        self.mixtures.show_outcome(outcome)
        layer.events.face_color.connect(self._recolor)
        for end in self._stop_listening:
            end()
        self._stop_listening = [on_click(layer, self._on_spot)]
        self.layer = layer
        self._recolor()

    def result_table(self) -> pd.DataFrame:
        """Return the shares of the last run, and their intervals."""
        outcome = self.model.outcome
        assert outcome is not None, "a table is saved after a run"
        return outcome.table

    def _show_type(self, number: int) -> None:
        """Show one type as a color, or all as pies."""
        layer, outcome = self.points, self.model.outcome
        if layer is None or outcome is None:
            return
        name = self.model.result_name
        if number == ALL_TYPES:
            self._show_spots(layer)
            if not self._shows_types(color_key(layer)):
                color_layer(layer, MAIN_TYPE)
            return
        share = show_share(self.viewer, outcome, layer, name, number)
        if len(self._stop_listening) == 1:
            self._stop_listening.append(on_click(share, self._on_spot))

    def _show_spots(self, layer: Points) -> None:
        """Show the layer of all types instead of one type."""
        forget_twin(self.viewer, share_name(self.model.result_name))
        layer.visible = True
        self.viewer.layers.selection = {layer}

    def _color(self, name: str) -> None:
        """Color the spots, also where one type was shown."""
        layer, active = self.points, self.viewer.layers.selection.active
        one_type = find_twin(self.viewer, share_name(self.model.result_name))
        known = layer is not None and any(name in names for names in layer_names(layer))
        if layer is not None and known and active is one_type:
            self._show_spots(layer)
        super()._color(name)

    def _shows_types(self, key: ColorKey | None) -> bool:
        """Return whether these colors are those of the types."""
        outcome = self.mixtures.outcome
        names = [entry.name for entry in key.entries] if key is not None else []
        return outcome is not None and names == list(outcome.types)

    def _on_spot(self, number: int) -> None:
        """Describe the composition of a clicked spot."""
        self.mixtures.show_spot(number)
        self.mixtures.table.select_spot(number)
        self._select(number)

    def _select(self, number: int) -> None:
        """Mark a spot."""
        from napari.layers import Points

        active = self.viewer.layers.selection.active
        if isinstance(active, Points) and len(active.data) > number:
            active.selected_data = {number}

    def _recolor(self) -> None:
        """Draw the bars in the colors of the legend, and say whether types are shown."""
        key = None if self.points is None else color_key(self.points)
        types = self._shows_types(key)
        if key is not None and types:
            self.mixtures.bars.set_colors([entry.color for entry in key.entries])
        if key is not None:
            self.mixtures.note_colors(types=types)
