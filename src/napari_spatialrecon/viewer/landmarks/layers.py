"""Landmarks in the viewer: the moving cells, marks on the canvas, and the moved table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.canvas.layers import (
    NAMES,
    from_layer,
    to_data,
    to_layer,
    um_per_layer_unit,
)
from napari_spatialrecon.viewer.canvas.point_nodes import move_points, move_vectors
from napari_spatialrecon.viewer.canvas.table_metadata import table_of
from napari_spatialrecon.viewer.canvas.tiles import lay_on, shift_of, tile_of
from napari_spatialrecon.viewer.landmarks.model import LEAST, LandmarksModel, Mark, MarksState
from napari_spatialrecon.viewer.landmarks.portrait import Portraits
from napari_spatialrecon.viewer.task.landmark_session import (
    LandmarkSession,
    keep_with,
    kept_with,
)
from napari_spatialrecon.viewer.task.mark_layers import (
    SYMBOLS,
    MarkLayers,
    mark_sizes,
    show_numbers,
)
from napari_spatialrecon.viewer.task.result_layers import FEW, FEW_PIXELS
from napari_spatialrecon.viewer.window.tones import LIGHT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anndata import AnnData
    from napari.components import ViewerModel
    from napari.layers import Image, Points

    from napari_spatialrecon.geometry.solver.landmarks import Landmarks
    from napari_spatialrecon.progress import Reporter
    from napari_spatialrecon.tasks.landmarking import LandmarkResult as MovedTable
    from napari_spatialrecon.viewer.workspace.tiling import Shifts
    from napari_spatialrecon.viewer.workspace.workspace import Workspace

#: Names of the layers that show the landmarks.
MARKS, GAPS = "Cell landmarks", "Cell residuals"
KEPT = "landmarks"
"""Key of the layer's metadata: the landmarks that are set on it."""
_MARK_PX, _RING_PX = 18.0, 24.0
#: Most cells taken from another layer.
_TAKEN = 200


class LandmarksSession(LandmarkSession):
    """One placed result, some of whose cells are given positions.

    Parameters
    ----------
    layer
        Shows a result; its data follow the landmarks.
    image
        The H&E image that landmarks have to lie on, if any.

    Raises
    ------
    InputError
        The layer shows no placed result.
    """

    model: LandmarksModel

    def __init__(self, viewer: ViewerModel, layer: Points, image: Image | None) -> None:
        from napari_spatialrecon.tasks.landmarking import layout_of, stored_landmarks
        from napari_spatialrecon.tasks.placement_trust import belonging
        from napari_spatialrecon.tissue import contract, slots

        adata = table_of(layer)
        if adata is None or len(layer.data) != adata.n_obs:
            raise InputError(
                "Expected a layer of placed cells, found one without their table.",
                remedy="Try a result of Place cells.",
                where=layer.name,
            )
        layout = layout_of(adata, layer.name)
        self.viewer, self.layer, self.image = viewer, layer, image
        self.adata: AnnData = adata
        self.portraits = Portraits(adata)
        self.doubts = belonging(adata)
        self.um_per_unit = float(layer.metadata.get(OURS, {}).get("um_per_unit") or 1.0)
        if image is not None:
            lay_on(layer, tile_of(image))
        spread = adata.obs.get(slots.UNCERTAINTY)
        self.model = LandmarksModel(
            adata.obs_names.to_numpy(),
            layout,
            contract.coordinates(adata),
            None if spread is None else spread.to_numpy(float),
            None if image is None else self._bounds(image),
        )
        self.suggested: int | None = None
        self._limits: tuple[float, float] | None = None
        self._marks = MarkLayers(viewer, MARKS, GAPS)
        kept, known = kept_with(layer, KEPT), stored_landmarks(adata)
        if kept is not None:
            self.model.resume(_state(kept, adata.n_obs))
        elif known is not None:
            self.model.take(known)

    def remember(self) -> None:
        """Keep the landmarks with the layer, so that a saved session has them."""
        marks = [
            [m.cell, *map(float, m.place), m.hard, float(m.weight), m.enabled]
            for m in self.model.marks
        ]
        keep_with(self.layer, KEPT, {"marks": marks, "bend": self.model.state.bend})

    @property
    def alive(self) -> bool:
        """Whether the viewer still has the layer."""
        return self.layer in self.viewer.layers and (
            self.image is None or self.image in self.viewer.layers
        )

    @property
    def um(self) -> float | None:
        """Micrometers of a unit of the places; None where unknown."""
        return self.um_per_unit if um_per_layer_unit(self.layer) is not None else None

    @property
    def radius(self) -> float:
        """Radius of the layout, by which residuals are judged."""
        return float(np.sqrt(self.model.layout.var(axis=0).sum()))

    def set_image(self, image: Image | None) -> None:
        """Set landmarks on another image, on whose tile the cells then lie; existing ones stay."""
        self.image = image
        if image is not None:
            lay_on(self.layer, tile_of(image))
        self.model.bounds = None if image is None else self._bounds(image)

    def tone(self, residual: float | None) -> str:
        """Return the tone of a residual: up to a quarter of the radius, a half, or worse."""
        if residual is None:
            return "quiet"
        if residual <= 0.25 * self.radius:
            return "good"
        return "warning" if residual <= 0.5 * self.radius else "wrong"

    def place_of(self, world: np.ndarray) -> np.ndarray:
        """Return a place (x, y) in the result's frame from one (y, x) in the world."""
        return from_layer(to_data(self.layer, world[None]), self.um_per_unit)[0]

    def world_of(self, places: np.ndarray) -> np.ndarray:
        """Return places (k, 2) of the result's frame as (y, x) in the world."""
        data = to_layer(np.asarray(places, float).reshape(-1, 2), self.um_per_unit)
        return np.asarray(self.layer._data_to_world(data)) if len(data) else data

    def marks_world(self) -> np.ndarray:
        """Return the positions of the landmarks, (k, 2) as (y, x) in world units."""
        return self.world_of(np.array([m.place for m in self.model.marks]))

    def show(self) -> None:
        """Move the cells, and redraw the marks."""
        self._enlarge()
        data = to_layer(self.model.places, self.um_per_unit)
        if self.model.dragging:
            move_points(self.layer, data)
        else:
            self.layer.data = data
        self.show_marks()

    def moved_table(self, space: Workspace, reporter: Reporter) -> MovedTable:
        """Return the moved cells, in the frame of the image they were set on, with its H&E.

        Raises
        ------
        InputError
            There are too few landmarks.
        """
        from napari_spatialrecon.geometry.maps.transforms import Transform
        from napari_spatialrecon.tasks.aligning import align_by_transform
        from napari_spatialrecon.tasks.landmarking import move_by_landmarks
        from napari_spatialrecon.tissue import contract
        from napari_spatialrecon.viewer.workspace.tables import slide_of, slide_table

        made = move_by_landmarks(
            self.adata,
            self.model.landmarks(),
            bend=self.model.state.bend,
            name=self.layer.name,
            reporter=reporter,
        )
        image = None if self.image is None else space.of_layer(self.image)
        slide = slide_of(space, image) if image is not None else None
        if slide is None or slide.layer is self.layer:
            return made
        ref = slide_table(slide, slide.name).adata
        there, here = contract.um_per_unit(ref), contract.um_per_unit(self.adata)
        if there is None or here is None:
            return made
        between = Transform("similarity", np.diag([here / there, here / there, 1.0]))
        adata = align_by_transform(made.adata, between, ref=ref, name=self.layer.name).adata
        ours = adata.uns[OURS]
        for axis in ("x", "y"):
            ours["landmarks"] = {
                **ours["landmarks"],
                axis: ours["landmarks"][axis] * here / there,
            }
        return replace(made, adata=adata)

    def follow(self, shifts: Shifts) -> None:
        """Have the marks drawn on the slide that was laid elsewhere."""
        self.model.changed.emit()

    def close(self) -> None:
        """Remove the marks; the cells stay where they are, as large as they were before."""
        self._marks.remove()
        if self._limits is not None:
            self.layer.canvas_size_limits, self._limits = self._limits, None

    def _enlarge(self) -> None:
        """Let few cells be large enough on screen to be clicked, while the session is open."""
        if self._limits is None and len(self.layer.data) < FEW:
            self._limits = least, most = self.layer.canvas_size_limits
            self.layer.canvas_size_limits = (max(least, FEW_PIXELS), most)

    def from_layer(self, other: Points) -> Landmarks:
        """Return landmarks from the cells of another layer that have the same names.

        At most 200, evenly spread over the order of the cells.

        Raises
        ------
        InputError
            The layers share fewer than 3 cells.
        """
        from napari_spatialrecon.geometry.solver.landmarks import Landmarks

        rows = rows_of(self.layer, other)
        shared = np.flatnonzero(rows >= 0)
        if len(shared) < LEAST:
            raise InputError(
                f"Expected a layer that shares at least {LEAST} cells by name, "
                f"found {len(shared)}.",
                remedy="Try a layer of the same cells.",
                where=other.name,
            )
        shared = shared[np.linspace(0, len(shared) - 1, min(_TAKEN, len(shared))).astype(int)]
        world = np.asarray(other._data_to_world(np.asarray(other.data, float)[shared]))
        world += (shift_of(self.layer) - shift_of(other)) / (um_per_layer_unit(self.layer) or 1.0)
        places = from_layer(to_data(self.layer, world), self.um_per_unit)
        return Landmarks(rows[shared], places)

    def _bounds(self, image: Image) -> np.ndarray:
        corners = np.asarray(image.extent.world, float)[:, -2:]
        return np.sort(np.array([self.place_of(corner) for corner in corners]), axis=0)

    def show_marks(self) -> None:
        """Redraw the marks, with the cell that waits for a place and the suggested one.

        Nothing is drawn once the layers are deleted: a session ends a turn later.
        """
        if not self.alive:
            return
        from napari.utils.colormaps.standardize_color import transform_color

        model = self.model
        errors = model.errors()
        places = self.marks_world()
        tones = [
            self.tone(e.residual) if m.enabled else "quiet" for m, e in zip(model.marks, errors)
        ]
        colors = [getattr(LIGHT, tone) for tone in tones]
        rings = [c for c in (model.picked, self.suggested) if c is not None]
        extra = self.world_of(model.places[rings])
        k, pixel = len(places), 1.0 / self.viewer.scene.camera.zoom
        everything = np.vstack([places.reshape(-1, 2), extra.reshape(-1, 2)])
        layer, residuals = self._marks.beside(self.layer)
        if model.dragging and len(layer.data) == len(everything):
            move_points(layer, everything)
        else:
            layer.data = everything
        if len(everything) and not model.dragging:
            shown = transform_color([*colors, *[LIGHT.accent] * len(rings)])
            show_numbers(layer, [*map(str, range(1, k + 1)), *["?"] * len(rings)])
            sizes = [*mark_sizes(tones, _MARK_PX), *[_RING_PX] * len(rings)]
            layer.size = np.array(sizes) * pixel
            layer.symbol = [SYMBOLS[tone] for tone in [*tones, *["quiet"] * len(rings)]]
            layer.border_color = shown
            layer.border_width = 0.2
            faces = np.ones_like(shown)  # so that numbers are readable on any stain
            faces[:, 3] = [0.8] * k + [0.4] * len(rings)
            layer.face_color = faces
        lines = [i for i, e in enumerate(errors) if e.expected is not None]
        ends = self.world_of(np.array([errors[i].expected for i in lines]))
        gaps = np.stack([places[lines], ends - places[lines]], axis=1).reshape(-1, 2, 2)
        if model.dragging and len(gaps) == len(residuals.data):
            move_vectors(residuals, gaps)
            return
        residuals.data = gaps
        if lines:
            residuals.edge_color = transform_color([colors[i] for i in lines])
            residuals.edge_width = 2.0 * pixel
            residuals.vector_style = "line"


def rows_of(layer: Points, other: Points) -> np.ndarray:
    """Return the row in a layer of each point of another, by name: (n_points,) int; -1 if none."""
    if NAMES not in other.features:
        return np.full(len(other.data), -1)
    names = other.features[NAMES].astype(str)
    adata = table_of(layer)
    assert adata is not None, "landmarks are of a layer with a table"
    return np.asarray(adata.obs_names.get_indexer(names))


def _state(kept: Mapping[str, Any], n: int) -> MarksState:
    """Return the landmarks that `LandmarksSession.remember` kept, of a layer of n cells."""
    marks = tuple(
        Mark(int(cell), (float(x), float(y)), bool(hard), float(weight), bool(enabled))
        for cell, x, y, hard, weight, enabled in kept["marks"]
        if int(cell) < n
    )
    return MarksState(marks, bool(kept["bend"]))
