"""Fast redraws of a points layer: new colors, positions or a subset, without rebuilding the rest.

When one property changes, napari converts the symbol of each point to text and uploads everything.
Here a change of colors or positions uploads the array that is already in memory, and a subset is
drawn by binding a second buffer. If napari's internals are not as expected, napari redraws.
"""

from __future__ import annotations

import weakref
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.viewer.canvas.many_points import is_lean, redraw
from napari_spatialrecon.viewer.canvas.standing_out import back_of, faint, let_stand_out

if TYPE_CHECKING:
    from napari._vispy.layers.base import VispyBaseLayer
    from napari._vispy.layers.points import VispyPointsLayer
    from napari._vispy.visuals.markers import Markers
    from napari.layers import Layer, Points, Vectors
    from napari.layers.points._slice import _PointSliceResponse
    from vispy.gloo import VertexBuffer

_REDRAWS = "_on_data_change"


def drawers(layer: Points) -> list[VispyPointsLayer]:
    """Return the napari objects that draw a layer, one for each window that shows it."""
    from napari._vispy.layers.points import VispyPointsLayer

    return [drawer for drawer in _drawers(layer) if isinstance(drawer, VispyPointsLayer)]


def show_points(layer: Points, shown: np.ndarray) -> None:
    """Show only these points of a layer.

    napari 0.9 respects ``shown`` only where a dimension is sliced, so in two dimensions it draws
    and picks the hidden points too. Here the layer's slice is restricted to the points shown.

    Parameters
    ----------
    shown : (n_points,) bool
    """
    state = layer._slicing_state
    if "_update_slice_response" not in vars(state):
        update = state._update_slice_response

        def update_with_shown(response: _PointSliceResponse) -> None:
            kept = layer.shown[response.indices]
            update(replace(response, indices=response.indices[kept], size=response.size[kept]))

        vars(state)["_update_slice_response"] = update_with_shown
    layer.shown = shown


def set_standing_out(layer: Points, rows: np.ndarray | None) -> None:
    """Draw all points but these rows (k,) faint in every window; None draws all as they are.

    The colors of the layer stay as they are, and so do pictures that are drawn from them.
    """
    if not let_stand_out(layer, rows):
        return
    for drawer in drawers(layer):
        markers = drawer.node.points_markers
        if is_lean(layer):
            redraw(drawer)
            continue
        if rows is not None:
            _Again.of(markers, layer)
        _upload_colors(markers, layer, rims=True)


class _Again:
    """Draws points faint again after napari has uploaded them in their own colors."""

    def __init__(self, markers: Markers, layer: Points) -> None:
        self._markers, self._layer = weakref.ref(markers), weakref.ref(layer)
        self._busy = False
        markers.events.data_updated.connect(self._on_upload)

    @classmethod
    def of(cls, markers: Markers, layer: Points) -> None:
        """Follow what is uploaded to some markers, once."""
        if markers not in _again:
            _again[markers] = cls(markers, layer)

    def _on_upload(self, event: object = None) -> None:
        markers, layer = self._markers(), self._layer()
        if self._busy or markers is None or layer is None or back_of(layer) is None:
            return
        self._busy = True
        try:
            _upload_colors(markers, layer, rims=True, told=False)
        finally:
            self._busy = False


_again: weakref.WeakKeyDictionary[Markers, _Again] = weakref.WeakKeyDictionary()


def redraw_colors(layer: Points, *, rims: bool = False) -> None:
    """Redraw the face colors of a layer, and its rims if asked, and emit the change."""
    changed = layer.events.face_color
    with ExitStack() as done:
        for drawer in drawers(layer):
            large = is_lean(layer)
            if large or _upload_colors(drawer.node.points_markers, layer, rims=rims):
                redraw(drawer) if large else drawer.node.update()
                done.enter_context(changed.blocker(getattr(drawer, _REDRAWS)))
        changed()


def move_points(layer: Points, data: np.ndarray) -> None:
    """Move the points, without updating extent, symbols and thumbnail as napari does.

    Meant for points that follow the mouse; set the layer's ``data`` afterwards to update the rest.

    Parameters
    ----------
    data : (n_points, 2) float
        As many as the layer has, in its data coordinates.
    """
    layer._data = data
    found = drawers(layer)
    if not found or not all(_upload_places(drawer, layer) for drawer in found):
        layer.refresh(thumbnail=False, highlight=False, extent=False)


def move_vectors(layer: Vectors, data: np.ndarray) -> None:
    """Move the lines; setting ``data`` would rebuild a shader on each move.

    Parameters
    ----------
    data : (n_lines, 2, 2) float
        Start and extension of each, as many as the layer has.
    """
    from napari._vispy.layers.vectors import generate_vector_meshes

    layer._data = data
    found = [drawer for drawer in _drawers(layer) if hasattr(drawer.node, "_vertices")]
    if not found or not len(data):
        layer.refresh(thumbnail=False, highlight=False, extent=False)
        return
    corners, faces = generate_vector_meshes(
        data, layer.edge_width, layer.length, layer.vector_style
    )
    flat = np.zeros((len(faces), 3, 3), np.float32)
    flat[..., :2] = corners[:, ::-1][faces]
    layer._slicing_state._view_data = data
    for drawer in found:
        if drawer.node._data_changed:  # not drawn yet: the mesh it waits with would replace this
            drawer._on_data_change()
            continue
        drawer.node._vertices.set_data(flat, convert=True)
        drawer.node.update()


def draw_some(markers: Markers, rows: np.ndarray) -> None:
    """Draw only these points, until `draw_all` or until napari uploads others.

    Parameters
    ----------
    markers
        Markers of a drawer's node.
    rows : (n_drawn,) int
        Rows of the points that napari draws, ascending: later ones are drawn on top.
    """
    from vispy.gloo import VertexBuffer

    _bind(markers, VertexBuffer(markers._data[rows]))


def draw_all(markers: Markers) -> None:
    """Draw all points again."""
    _bind(markers, markers._vbo)


def _bind(markers: Markers, buffer: VertexBuffer) -> None:
    for name in markers._data.dtype.names:
        view = buffer[name]
        view.divisor = 1 if markers._method == "instanced" else None
        markers.shared_program[name] = view
    markers.update()


def _drawers(layer: Layer) -> list[VispyBaseLayer[Layer]]:
    from napari._vispy.layers.base import VispyBaseLayer

    connected = (c for c in layer.events.set_data.callbacks if isinstance(c, tuple))
    found = (c[0]() for c in connected if c[1] == _REDRAWS)
    return [drawer for drawer in found if isinstance(drawer, VispyBaseLayer)]


def _upload_places(drawer: VispyPointsLayer, layer: Points) -> bool:
    """Upload only the positions, and the texts beside them; return whether that was possible."""
    from napari._vispy.utils.text import _has_visible_text

    markers, rows = drawer.node.points_markers, layer._view_indices
    if markers._data is None or len(rows) != len(markers._data) or not layer.visible:
        return False
    places = layer._view_data[:, ::-1]
    markers._data["a_position"][:, : places.shape[1]] = places
    _upload(markers)
    if _has_visible_text(layer):
        drawer._update_text(update_node=False)
    return True


def _upload_colors(markers: Markers, layer: Points, *, rims: bool, told: bool = True) -> bool:
    """Upload only the colors, and emit that; return whether it was possible."""
    data, rows = markers._data, layer._view_indices
    if data is None or len(rows) != len(data):
        return False
    changed = {"a_bg_color": layer.face_color}
    if rims:
        changed["a_fg_color"] = layer.border_color
    for slot, own in changed.items():
        colors = faint(own, back_of(layer))
        data[slot] = colors if len(rows) == len(colors) else colors[rows]
    _upload(markers, told=told)
    return True


def _upload(markers: Markers, *, told: bool = True) -> None:
    markers._vbo.set_data(markers._data)
    if told:
        markers.events.data_updated()
    markers.update()
