"""Click a placed cell to see its likely spots, or a spot to see its likely cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_spatialrecon.viewer.canvas.clicks import on_click
from napari_spatialrecon.viewer.canvas.layers import NAMES
from napari_spatialrecon.viewer.place.mapping import CellMapping
from napari_spatialrecon.viewer.place.whereabouts import OnSlides, whereabouts_of
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.window.ended import when_destroyed

if TYPE_CHECKING:
    from anndata import AnnData
    from napari.components import ViewerModel
    from napari.layers import Points

_HINT = "Click a cell to see its likely spots, or a spot to see its likely cells."


class MappingPanel(QWidget):
    """Shows the mapping of a result; hidden if there is none.

    Parameters
    ----------
    viewer
        The viewer whose canvas is clicked.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.viewer, self.where = viewer, whereabouts_of(viewer)
        self.on: OnSlides | None = None
        self.text, self.clear_button = WrappedLabel(_HINT), QPushButton("Show all cells again")
        self.clear_button.clicked.connect(self.where.clear)
        self._stop_listening: list[Callable[[], None]] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.text)
        column.addWidget(self.clear_button)
        self.clear_button.hide()
        self.hide()
        self.where.changed.connect(self._refresh)
        when_destroyed(self, self.where.changed.disconnect, self._refresh)

    @property
    def mapping(self) -> CellMapping | None:
        """The mapping of the result; None without one."""
        return None if self.on is None else self.on.mapping

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
        for end in self._stop_listening:
            end()
        self._stop_listening = []
        self.where.clear()
        self.on = OnSlides(layer, CellMapping.read(adata), dict(slides), shown)
        self.setVisible(self.mapping is not None)
        self._tell(_HINT)
        if self.mapping is None:
            return
        self._stop_listening = [on_click(layer, self.show_cell, others=self._under)]
        for name, spots in self.on.slides.items():
            self._stop_listening.append(on_click(spots, partial(self.show_spot, name)))

    def show_cell(self, number: int) -> None:
        """Show the likely spots of a cell over the slide."""
        assert self.on is not None and self.mapping is not None, "called with a result"
        self.where.show_cell(self.on, number)
        self._tell(self.on.about_cell(number))

    def show_spot(self, slide: str, number: int) -> None:
        """Show the likely cells of a spot."""
        assert self.on is not None and self.mapping is not None, "called with a result"
        spots = self.on.slides[slide]
        if spots in self.viewer.layers:
            self.where.show_spot(self.on, slide, number)
            name = str(spots.features[NAMES].iloc[number])
            self._tell(self.mapping.about_spot(slide, name))

    def _refresh(self) -> None:
        """Say again what to do, once nothing is shown."""
        if not self.where.active:
            self._tell(_HINT)

    def _under(self) -> list[tuple[Points, Callable[[int], None]]]:
        assert self.on is not None, "called with a result"
        spots = self.on.slides.get(self.on.shown)
        if spots is None or spots not in self.viewer.layers:
            return []
        return [(spots, partial(self.show_spot, self.on.shown))]

    def _tell(self, text: str) -> None:
        self.text.setText(text)
        self.clear_button.setVisible(text != _HINT)
