"""Click a placed cell to see its likely spots, or a spot to see its likely cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_spatialrecon.viewer.canvas.clicks import on_click
from napari_spatialrecon.viewer.canvas.colors import set_point_colors
from napari_spatialrecon.viewer.canvas.layers import NAMES
from napari_spatialrecon.viewer.canvas.twin_layers import forget_twin, show_rows, twin
from napari_spatialrecon.viewer.place.mapping import CellMapping
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel

if TYPE_CHECKING:
    from anndata import AnnData
    from napari.components import ViewerModel
    from napari.layers import Points

_HINT = "Click a cell to see its likely spots, or a spot to see its likely cells."
_DIMMED = 0.35
_RIM, _RING, _COLOR = 0.1, 0.25, "#D55E00"


class MappingPanel(QWidget):
    """Shows the mapping of a result; hidden if there is none.

    Signals: ``cleared()``, when the result's own colors should return.

    Parameters
    ----------
    viewer
        The viewer whose canvas is clicked.
    """

    cleared = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.viewer = viewer
        self.mapping: CellMapping | None = None
        self.layer: Points | None = None
        self.slides: dict[str, Points] = {}
        self.shown = ""
        self.text, self.clear_button = WrappedLabel(_HINT), QPushButton("Show all cells again")
        self.clear_button.clicked.connect(self.clear)
        self._stop_listening: list[Callable[[], None]] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.text)
        column.addWidget(self.clear_button)
        self.clear_button.hide()
        self.hide()

    def show_result(
        self, adata: AnnData, layer: Points, slides: Mapping[str, Points], shown: str
    ) -> None:
        """Follow clicks on a result and on the slides that it was placed on.

        Parameters
        ----------
        slides
            The layer of each slide, by its name in the run.
        shown
            The slide whose frame the result has.
        """
        self._end()
        self.mapping, self.layer, self.shown = CellMapping.read(adata), layer, shown
        self.slides = dict(slides)
        self.setVisible(self.mapping is not None)
        self._tell(_HINT)
        if self.mapping is None:
            return
        self._stop_listening = [on_click(layer, self.show_cell, others=self._under)]
        for name, spots in self.slides.items():
            self._stop_listening.append(on_click(spots, partial(self.show_spot, name)))

    def show_cell(self, number: int) -> None:
        """Show the likely spots of a cell over the slide."""
        assert self.mapping is not None and self.layer is not None, "called with a result"
        spots = self._slide(self.shown)
        if spots is not None:
            values = self.mapping.spots_of(number, self.shown, spots.features[NAMES])
            heat = self._marks(spots, values > 0, _RIM, "white")
            values = values[values > 0]
            title = f"spots of {self.mapping.cells[number]}, probability"
            top = float(values.max(initial=0.0)) or 1.0
            set_point_colors(heat, values, kind="gene", title=title, limits=(0.0, top))
        self.layer.opacity, self.layer.face_colorbar.visible = _DIMMED, False
        self._choose({number}, self.mapping.about_cell(number))

    def show_spot(self, slide: str, number: int) -> None:
        """Show the likely cells of a spot."""
        assert self.mapping is not None and self.layer is not None, "called with a result"
        spots = self._slide(slide)
        if spots is None or self.layer not in self.viewer.layers:
            return
        spot = str(spots.features[NAMES].iloc[number])
        values = self.mapping.cells_of(slide, spot)
        this = np.arange(len(spots.data)) == number
        mark = self._marks(spots, this, _RING, _COLOR)
        mark.face_color, mark.face_colorbar.visible = "transparent", False
        self.layer.opacity = 1.0
        set_point_colors(self.layer, values, kind="gene", title=f"cells of {spot}, probability")
        likely = np.flatnonzero(values > 0.5 * max(values.max(), 1e-9))
        self._choose(set(likely.tolist()), self.mapping.about_spot(slide, spot))

    def clear(self) -> None:
        """Show the result as before."""
        forget_twin(self.viewer, self._twin)
        if self.layer is not None:
            self.layer.opacity, self.layer.selected_data = 1.0, set()
        self._tell(_HINT)
        self.cleared.emit()

    @property
    def _twin(self) -> str:
        return f"{self.shown} · likely spots of a cell"

    def _marks(self, spots: Points, shown: np.ndarray, rim: float, color: str) -> Points:
        """Return marks on some spots of a slide, with a rim."""
        marks = twin(self.viewer, spots, self._twin)
        show_rows(marks, spots, np.flatnonzero(shown))
        marks.border_width, marks.border_color, marks.visible = rim, color, True
        return marks

    def _choose(self, cells: set[int], text: str) -> None:
        """Select cells of the result and its layer, and describe what is shown."""
        assert self.layer is not None, "chosen in a result"
        self.layer.selected_data = cells
        self.viewer.layers.selection = {self.layer}
        self._tell(text)

    def _slide(self, name: str) -> Points | None:
        spots = self.slides.get(name)
        return spots if spots in self.viewer.layers else None

    def _under(self) -> list[tuple[Points, Callable[[int], None]]]:
        spots = self._slide(self.shown)
        return [] if spots is None else [(spots, partial(self.show_spot, self.shown))]

    def _tell(self, text: str) -> None:
        self.text.setText(text)
        self.clear_button.setVisible(text != _HINT)

    def _end(self) -> None:
        for end in self._stop_listening:
            end()
        self._stop_listening = []
        if self.shown:
            forget_twin(self.viewer, self._twin)
