"""Where one placed cell may lie, drawn on the canvas: a ring around it, and its likely spots."""

from __future__ import annotations

import json
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_spatialrecon.tissue.slots import OURS, UNCERTAINTY
from napari_spatialrecon.viewer.canvas.bar_title import bar_title, show_bar
from napari_spatialrecon.viewer.canvas.colors import (
    ColorKey,
    color_key,
    resume_colors,
    set_point_colors,
)
from napari_spatialrecon.viewer.canvas.layer_values import layer_values, rows_of
from napari_spatialrecon.viewer.canvas.layers import NAMES, unwrapped
from napari_spatialrecon.viewer.canvas.outlines import Outlines
from napari_spatialrecon.viewer.canvas.rims import ground_color, set_rims
from napari_spatialrecon.viewer.canvas.table_metadata import table_of
from napari_spatialrecon.viewer.canvas.tiles import lay_on, tile_of
from napari_spatialrecon.viewer.canvas.twin_layers import forget_twin, show_rows, twin
from napari_spatialrecon.viewer.place.mapping import CellMapping
from napari_spatialrecon.viewer.workspace.tables import short_name
from napari_spatialrecon.viewer.workspace.workspace import Role, workspace_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Points

_DIMMED = 0.35
_RIM, _MARK, _COLOR = 0.1, 0.25, "#D55E00"
_CORNERS = 96


@dataclass(frozen=True, eq=False)
class OnSlides:
    """Placed cells on the slides that they were placed on.

    Parameters
    ----------
    mapping
        None if the method has none.
    slides
        Layer of each slide that is open, by its name in the run.
    shown
        The slide whose frame the cells have.
    """

    layer: Points
    mapping: CellMapping | None
    slides: Mapping[str, Points] = field(default_factory=dict)
    shown: str = ""

    @classmethod
    def of(cls, viewer: ViewerModel, layer: Points, mapping: CellMapping | None = None) -> OnSlides:
        """Return what a layer and the open slides tell; the mapping is read if it is not given."""
        adata = table_of(layer)
        if mapping is None and adata is not None:
            mapping = CellMapping.read(adata)
        entries = workspace_of(viewer).of_role(Role.SLIDE)
        slides = {short_name(e): e.points for e in entries if e.points is not None}
        return cls(layer, mapping, slides, _display(layer))

    @property
    def twin(self) -> str:
        """Name of the layer of likely spots."""
        return f"{self.shown} · likely spots of a cell"

    @property
    def cells(self) -> np.ndarray:
        """The cell of the mapping (n_points,) that each point is; -1 where it is none."""
        adata = table_of(self.layer)
        rows = None if adata is None else rows_of(self.layer, adata)
        return np.arange(len(self.layer.data)) if rows is None else rows

    def about_cell(self, row: int) -> str:
        """Return a description of where the cell of a point may belong; empty if unknown."""
        cell = int(self.cells[row])
        return "" if self.mapping is None or cell < 0 else self.mapping.about_cell(cell)


def radius_of(layer: Points, row: int, column: str = UNCERTAINTY) -> float:
    """Return within which distance a placed cell lies for 9 of 10; NaN if that is not known.

    In µm where these are known, else in the layer's unit. `column` may be the expected error.
    """
    if column not in layer.features:
        return float("nan")
    return float(np.asarray(layer_values(layer, column).values, float)[row])


class Whereabouts:
    """Shows where one cell of a viewer may lie, or which cells a spot may hold.

    Attributes
    ----------
    shown
        The layer and the row of the cell whose likely spots are shown; None if there is none.
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = weakref.ref(viewer)
        self.outlines = Outlines()
        self.shown: tuple[Points, int] | None = None
        self.active = False
        self._on: OnSlides | None = None
        self._before: tuple[float, str | None] | None = None
        self._colors: tuple[ColorKey | None, np.ndarray, ColorKey] | None = None
        viewer.layers.events.removed.connect(self._forget_removed)

    @property
    def opacity(self) -> float:
        """The opacity that dimmed cells had before, and will have again."""
        return 1.0 if self._before is None else self._before[0]

    @property
    def bar(self) -> str | None:
        """The title of the color bar that dimmed cells will have again; None without one."""
        return None if self._before is None else self._before[1]

    def ring(self, layer: Points | None, row: int | None) -> None:
        """Mark a cell, with a ring of the radius within which 9 of 10 such cells lie."""
        self.outlines.clear()
        if layer is None or row is None or row >= len(layer.data):
            return
        self.outlines.ring(layer, np.array([row]))
        radius = radius_of(layer, row)
        if radius > 0 and np.isfinite(radius):
            turn = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
            around = np.asarray(layer.data)[row, -2:] + radius * np.column_stack(
                [np.sin(turn), np.cos(turn)]
            )
            self.outlines.line(layer, np.asarray(layer._data_to_world(around)))

    def show_cell(self, on: OnSlides, row: int) -> None:
        """Show the likely spots of the cell of a point over the slide, and dim all cells."""
        viewer, cell = self._begin(on), int(on.cells[row])
        if viewer is None or on.mapping is None or cell < 0:
            return
        spots = self._slide(on, on.shown)
        if spots is not None:
            values = on.mapping.spots_of(cell, on.shown, spots.features[NAMES])
            heat = _marks(viewer, on, spots, values > 0, _RIM, "white")
            lay_on(heat, tile_of(on.layer))
            values = values[values > 0]
            title = f"spots of {on.mapping.cells[cell]}, probability"
            top = float(values.max(initial=0.0)) or 1.0
            set_point_colors(heat, values, kind="gene", title=title, limits=(0.0, top))
            set_rims(heat, ground_color(viewer, heat))
        on.layer.opacity = _DIMMED
        show_bar(on.layer, None)
        self._end(on, {row}, (on.layer, row))
        self.ring(on.layer, row)

    def show_spot(self, on: OnSlides, slide: str, row: int) -> None:
        """Show the likely cells of a spot."""
        viewer, spots = self._begin(on), self._slide(on, slide)
        if viewer is None or on.mapping is None or spots is None or on.layer not in viewer.layers:
            return
        self.outlines.clear()
        spot = str(spots.features[NAMES].iloc[row])
        cells = on.cells
        values = np.where(cells < 0, np.nan, on.mapping.cells_of(slide, spot)[cells])
        mark = _marks(viewer, on, spots, np.arange(len(spots.data)) == row, _MARK, _COLOR)
        lay_on(mark, tile_of(spots))
        mark.face_color = "transparent"
        show_bar(mark, None)
        before = color_key(on.layer), np.array(on.layer.face_color)
        title = f"cells of {spot}, probability"
        key = set_point_colors(on.layer, values, kind="gene", title=title)
        self._colors = (*before, key)
        likely = np.flatnonzero(values > 0.5 * max(np.nanmax(values), 1e-9))
        self._end(on, set(likely.tolist()), None)

    def clear(self) -> None:
        """Show everything as before."""
        on, viewer = self._on, self._viewer()
        self._restore()
        self._on, self.shown, self.active = None, None, False
        self.outlines.clear()
        if on is not None and viewer is not None:
            forget_twin(viewer, on.twin)
            on.layer.selected_data = set()
            self.changed.emit()

    def _begin(self, on: OnSlides) -> ViewerModel | None:
        """Undo what is shown of another cell, but for the layer of spots, which is used again."""
        self._restore()
        if self._on is not None and self._on.twin != on.twin:
            self.clear()
        self._on = on
        self._before = float(on.layer.opacity), bar_title(on.layer)
        return self._viewer()

    def _end(self, on: OnSlides, chosen: set[int], shown: tuple[Points, int] | None) -> None:
        viewer = self._viewer()
        on.layer.selected_data = chosen
        self.shown, self.active = shown, True
        if viewer is not None and on.layer in viewer.layers:
            viewer.layers.selection = {on.layer}
        self.changed.emit()

    def _restore(self) -> None:
        """Give the cells the opacity and the colors that they had."""
        if self._on is None:
            return
        layer = self._on.layer
        if self._colors is not None:
            key, rgba, ours = self._colors
            if color_key(layer) is ours and key is not None and len(rgba) == len(layer.data):
                resume_colors(layer, key, rgba)
        if self._before is not None:
            layer.opacity, title = self._before
            key = color_key(layer)
            if bar_title(layer) is None or key is None or key.limits is None:
                show_bar(layer, title if key is not None and key.limits is not None else None)
        self._before = self._colors = None

    def _slide(self, on: OnSlides, name: str) -> Points | None:
        viewer, spots = self._viewer(), on.slides.get(name)
        return spots if viewer is not None and spots in viewer.layers else None

    def _forget_removed(self, event: object = None) -> None:
        viewer = self._viewer()
        if self._on is not None and viewer is not None and self._on.layer not in viewer.layers:
            self.clear()


def whereabouts_of(viewer: ViewerModel) -> Whereabouts:
    """Return what shows whereabouts in a viewer; each viewer has its own."""
    viewer = unwrapped(viewer)
    if viewer not in _shown:
        _shown[viewer] = Whereabouts(viewer)
    return _shown[viewer]


_shown: weakref.WeakKeyDictionary[ViewerModel, Whereabouts] = weakref.WeakKeyDictionary()


def _display(layer: Points) -> str:
    """Return the slide in whose frame a run placed the cells of a layer; empty if unknown."""
    record = layer.metadata.get(OURS, {}).get("provenance")
    adata = table_of(layer)
    if record is None and adata is not None:
        try:
            record = json.loads(str(adata.uns[OURS]["provenance"]))
        except (KeyError, TypeError, ValueError):
            return ""
    return str((record or {}).get("settings", {}).get("display", ""))


def _marks(
    viewer: ViewerModel, on: OnSlides, spots: Points, shown: np.ndarray, rim: float, color: str
) -> Points:
    """Return marks on some spots of a slide, with a rim."""
    marks = twin(viewer, spots, on.twin)
    show_rows(marks, spots, np.flatnonzero(shown))
    marks.border_width, marks.border_color, marks.visible = rim, color, True
    return marks
