"""Align to histology in the viewer: the moved layer, marks of the pairs, and the aligned table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.align.model import AlignModel, Pair
from napari_spatialrecon.viewer.canvas.layers import linear_part, to_data, um_per_layer_unit
from napari_spatialrecon.viewer.canvas.table_metadata import set_table, table_of
from napari_spatialrecon.viewer.canvas.tiles import Tile, claim, shift_of, tile_of
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
from napari_spatialrecon.viewer.window.present import present
from napari_spatialrecon.viewer.window.tones import LIGHT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anndata import AnnData
    from napari.components import ViewerModel
    from napari.layers import Image, Points

    from napari_spatialrecon.geometry.maps.transforms import Transform
    from napari_spatialrecon.tasks.aligning import AlignResult
    from napari_spatialrecon.viewer.workspace.tiling import Shifts
    from napari_spatialrecon.viewer.workspace.workspace import Entry, Workspace

#: Names of the layers that show the pairs.
MARKS, GAPS = "Landmark pairs", "Landmark residuals"
KEPT = "pairs"
"""Key of the layer's metadata: the pairs that are set on it."""
#: Pixels on screen of a landmark of the layer, which carries its number, and of its partner.
_MARK_PX, _RING_PX = 16.0, 26.0


class AlignSession(LandmarkSession):
    """One layer that is being registered to one image.

    Parameters
    ----------
    viewer
        Shows both.
    layer
        The layer that moves: its data change, its scale and affine do not.
    image
        The image, which does not move.
    """

    image: Image
    model: AlignModel

    def __init__(self, viewer: ViewerModel, layer: Points, image: Image) -> None:
        if layer.ndim != 2 or not len(layer.data):
            raise InputError(
                f"Expected points in two dimensions, found {len(layer.data)} in {layer.ndim}.",
                remedy="Try a layer of spots or cells.",
                where=layer.name,
            )
        self.viewer, self.layer, self.image = viewer, layer, image
        self.table: AnnData | None = table_of(layer)
        self._own = tile_of(layer)
        kept = self._go_back()
        self._start = np.array(layer.data, float)
        points = np.asarray(layer._data_to_world(np.asarray(layer.data, float)))[:, ::-1]
        corners = np.asarray(image.extent.world, float)[:, -2:][:, ::-1]
        self.model = AlignModel(points, np.sort(corners, axis=0))
        self._size = np.array(layer.size, float)
        self._marks = MarkLayers(viewer, MARKS, GAPS)
        if kept is not None:
            self.model.resume(_pairs(kept), str(kept["model"]))

    def remember(self) -> None:
        """Keep pairs and where the layer was with it, so that a saved session has them."""
        state, own = self.model.state, self._own
        if not state.pairs or state.by_hand:
            keep_with(self.layer, KEPT, None)
            return
        pairs = [[*map(float, (*p.query, *p.ref)), p.enabled] for p in state.pairs]
        content = {"image": self.image.name, "pairs": pairs, "model": state.model}
        tile = None if own is None else [own.of, *map(float, own.by)]
        before = {"start": self._start, "size": self._size, "tile": tile}
        keep_with(self.layer, KEPT, {**content, **before})

    def _go_back(self) -> Mapping[str, Any] | None:
        """Lay the layer where it was before pairs of an earlier session moved it; return them."""
        kept, layer = kept_with(self.layer, KEPT), self.layer
        if kept is None or kept["image"] != self.image.name:
            return None
        start, tile = np.asarray(kept["start"], float), kept["tile"]
        if start.shape != layer.data.shape:
            return None
        layer.data, layer.size = start, np.asarray(kept["size"], float)
        self._own = None if tile is None else Tile(str(tile[0]), (tile[1], tile[2]))
        return kept

    @property
    def alive(self) -> bool:
        """Whether the viewer still has both layers."""
        return self.layer in self.viewer.layers and self.image in self.viewer.layers

    @property
    def um(self) -> float | None:
        """Micrometers per world unit; None if the image has no scale."""
        return um_per_layer_unit(self.image)

    @property
    def spot(self) -> float:
        """Diameter of a spot in world units, the yardstick of residuals."""
        return float(np.median(self._size)) * self._scale()

    def tone(self, residual: float, outlier: bool) -> str:
        """Return the tone of a residual: within one spot diameter, within three, or worse."""
        if outlier or residual > 3 * self.spot:
            return "wrong"
        return "good" if residual <= self.spot else "warning"

    def show(self) -> None:
        """Move the layer and redraw the marks, unless either layer was deleted in this turn."""
        if not self.alive:
            return
        model, layer = self.model, self.layer
        world = model.moved[:, ::-1]
        layer.data = to_data(layer, world)
        layer.size = self._size * model.transform.scale
        layer.events.size()
        claim(layer, tile_of(self.image) if self.is_over else self._own)
        self._show_marks()

    @property
    def origins(self) -> tuple[np.ndarray, np.ndarray]:
        """Origins of the layer before it moved, and of the image: (x, y) in the world."""
        by = np.zeros(2) if self._own is None else np.array(self._own.by)
        um = self.um or 1.0
        return by[::-1] / um, shift_of(self.image)[::-1] / um

    @property
    def is_over(self) -> bool:
        """Whether the layer was moved over the image, and now lies on the image's tile."""
        center, (low, high) = self.model.moved.mean(axis=0), present(self.model.bounds)
        inside = ((low <= center) & (center <= high)).all()
        return self.model.state.transform is not None and bool(inside)

    def follow(self, shifts: Shifts) -> None:
        """Follow slides that were laid elsewhere on the canvas."""

        def step(tile: Tile | None) -> np.ndarray:
            by = shifts.get(tile.of) if tile is not None else None
            return np.zeros(2) if by is None else by[::-1] / (self.um or 1.0)

        own = self._own
        if own is not None and own.of in shifts:
            by = np.array(own.by) + shifts[own.of]
            self._own = Tile(own.of, (float(by[0]), float(by[1])))
        self.model.shift(step(own), step(tile_of(self.image)))

    def close(self) -> None:
        """Remove the marks; the layer stays where it is."""
        self._marks.remove()

    def marks_world(self) -> np.ndarray:
        """Return the positions of the marks, (k, 2) as (y, x) in world units."""
        return self.model.marks()[:, ::-1]

    def _scale(self) -> float:
        return float(abs(np.linalg.det(linear_part(self.layer)))) ** 0.5

    def _show_marks(self) -> None:
        """Draw a mark for each landmark of the layer, a ring for its partner, a line between them.

        The shape of both tells how well they agree, as the color does. Colors are those of a light
        theme, since H&E images are bright.
        """
        from napari.utils.colormaps.standardize_color import transform_color

        tones, rows = LIGHT, self.model.residuals()
        places, k = self.marks_world(), len(rows)
        names = [self.tone(row.residual, row.outlier) for row in rows]
        names = [n if row.enabled else "quiet" for n, row in zip(names, rows)]
        fit = [getattr(tones, name) for name in names]
        waiting = [tones.accent] * (len(places) - 2 * k)
        colors = transform_color([*fit, *fit, *waiting]) if len(places) else "white"
        number = [str(i + 1) for i in range(k)]
        text = [*number, *([""] * k), *(["?"] * len(waiting))]
        ring = np.r_[np.zeros(k, bool), np.ones(k, bool), np.zeros(len(waiting), bool)]
        pixel = 1.0 / self.viewer.scene.camera.zoom
        marks, gaps = self._marks.beside(self.image)
        marks.data = places
        if len(places):
            show_numbers(marks, text)
            kinds = [*names, *names, *["quiet"] * len(waiting)]
            wide = np.where(ring, _RING_PX, _MARK_PX) / _MARK_PX
            marks.size = mark_sizes(kinds, _MARK_PX) * wide * pixel
            marks.symbol = [SYMBOLS[kind] for kind in kinds]
            marks.border_color = colors
            marks.border_width = np.where(ring, 0.12, 0.2)
            faces = np.ones((len(places), 4))  # so that marks and numbers are visible on any stain
            faces[:, 3] = np.where(ring, 0.3, 0.85)
            marks.face_color = faces
        gaps.data = np.stack([places[:k], places[k : 2 * k] - places[:k]], axis=1)
        if k:
            gaps.edge_color = transform_color(fit)
            gaps.edge_width = 2.5 * pixel
            gaps.vector_style = "line"


@dataclass(frozen=True)
class Frames:
    """Affine maps of (x, y) from the table's frame to the world, and on to the image's slide."""

    from_table: np.ndarray
    to_ref: np.ndarray


def aligned_table(space: Workspace, session: AlignSession, name: str) -> AlignResult:
    """Return the layer's table, registered to the image as the session has it.

    Raises
    ------
    InputError
        The layer has no table, or the image's scale is not known.
    """
    from napari_spatialrecon.geometry.maps.transforms import Transform
    from napari_spatialrecon.tasks import aligning

    adata, ref = layer_table(space, session), image_table(space, session)
    frames = frames_of(adata, adata if ref is None else ref, session)
    model = session.model
    if model.fit is not None and not model.state.by_hand:
        used = [p for p in model.pairs if p.enabled]
        query, there = (np.array([getattr(p, s) for p in used]) for s in ("query", "ref"))
        back = Transform("affine", np.linalg.inv(frames.from_table))
        return aligning.align_by_landmarks(
            adata,
            Transform("affine", frames.to_ref).apply(there),
            back.apply(query),
            model=model.state.model,
            ref=ref,
            name=name,
        )
    moved = _between(model.transform, frames)
    return aligning.align_by_transform(adata, moved, ref=ref, name=name)


def keep(space: Workspace, session: AlignSession, result: AlignResult) -> None:
    """Replace the table of the layer's entry by the aligned one, for later runs."""
    from napari_spatialrecon.tissue import contract
    from napari_spatialrecon.viewer.workspace.tables import slide_of

    layer = session.layer
    keep_with(layer, KEPT, None)
    um = contract.um_per_unit(result.adata)
    set_table(layer, result.adata, um_per_unit=um)
    entry = space.of_layer(layer)
    if entry is not None:
        image = space.of_layer(session.image)
        own = image is not None and slide_of(space, image) is entry
        entry.adata, entry.um_per_unit = result.adata, um
        entry.path = None  # the file still holds the slide as it was
        if image is not None and own:
            image.path = None
        space.events.changed.emit(entry)


def layer_table(space: Workspace, session: AlignSession) -> AnnData:
    """Return the table of the layer, as it was opened.

    Raises
    ------
    InputError
        It has none.
    """
    from napari_spatialrecon.viewer.workspace.tables import slide_table
    from napari_spatialrecon.viewer.workspace.workspace import Entry, Role

    entry = space.of_layer(session.layer)
    if session.table is not None:
        role = Role.SLIDE if entry is None else entry.role
        path = None if entry is None else entry.path
        um = None if entry is None else entry.um_per_unit
        as_opened = Entry(session.layer.name, role, session.table, path, None, um)
        return slide_table(as_opened, session.layer.name).adata
    raise InputError(
        "Expected a layer with a table of spots or cells, found points only.",
        remedy="Try File > Save for the points, or open the table itself.",
        where=session.layer.name,
    )


def image_table(space: Workspace, session: AlignSession) -> AnnData | None:
    """Return the table that the image belongs to; None if that is the layer's own.

    Raises
    ------
    InputError
        The image belongs to no slide, and its scale is unknown.
    """
    from napari_spatialrecon.viewer.workspace.tables import picture, slide_of, slide_table

    image: Entry | None = space.of_layer(session.image)
    slide = slide_of(space, image) if image is not None else None
    if slide is not None and slide.layer is session.layer:
        return None
    if slide is not None and slide.layer is not None:
        return slide_table(slide, slide.name).adata
    if image is None or session.um is None:
        raise InputError(
            "Expected an image with a known scale, found none.",
            remedy="Try entering its µm per pixel.",
            where=session.image.name,
        )
    return picture(image).table().adata


def frames_of(adata: AnnData, ref: AnnData, session: AlignSession) -> Frames:
    """Return the maps from the table's frame to the world, and from the world to the image's frame.

    Layers and images may have been moved in napari since they were opened.
    """
    from skimage.transform import AffineTransform

    from napari_spatialrecon.tissue import contract

    points = contract.coordinates(adata)
    if len(points) != len(session.model.points):
        raise InputError(
            f"Expected one point for each of the {len(points):,} rows of the table, found "
            f"{len(session.model.points):,}.",
            remedy="Try the layer as it was when opened.",
            where=session.layer.name,
        )
    from_table = np.asarray(AffineTransform.from_estimate(points, session.model.points).params)
    return Frames(from_table, world_to_ref(ref, session))


def world_to_ref(ref: AnnData, session: AlignSession) -> np.ndarray:
    """Return the map from the world to the frame of the image's table, (3, 3) for (x, y)."""
    from napari_spatialrecon.tissue import contract
    from napari_spatialrecon.viewer.task.result_layers import moved

    flip = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    um = (contract.um_per_unit(ref) or 1.0) / (session.um or 1.0)
    placed = flip @ moved(session.image) @ flip
    return np.linalg.inv(placed @ np.diag([um, um, 1.0]))


def _between(transform: Transform, frames: Frames) -> Transform:
    """Return a map within the world as one from the table's frame to the image's."""
    from napari_spatialrecon.geometry.maps.transforms import Transform

    back = Transform("affine", np.linalg.inv(frames.from_table))
    forth = Transform("affine", frames.to_ref)
    matrix = frames.to_ref @ transform.matrix @ frames.from_table
    return Transform(
        transform.model,
        matrix / matrix[2, 2],
        back.apply(transform.source),
        forth.apply(transform.target),
        transform.smoothing,
    )


def _pairs(kept: Mapping[str, Any]) -> tuple[Pair, ...]:
    """Return the pairs that `AlignSession.remember` kept."""
    return tuple(Pair((a, b), (c, d), bool(on)) for a, b, c, d, on in kept["pairs"])
