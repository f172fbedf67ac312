"""Layers of many points: napari uploads none of them; `Detail` draws what a frame has time for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatialrecon.viewer.canvas.standing_out import back_of, faint

if TYPE_CHECKING:
    from napari._vispy.layers.points import VispyPointsLayer
    from napari.layers import Points

MANY = 10_000
"""With more points than this, only those that are drawn are uploaded."""


_are_drawn: list[Callable[[Points], bool]] = []
_frames_apart: list[Callable[[Points], None]] = []
_places_stay = 0
_extents: dict[Points, tuple[np.ndarray, np.ndarray]] = {}


def is_lean(layer: Points) -> bool:
    """Return whether only those points of a layer are uploaded that are drawn."""
    return len(layer.data) > MANY and any(drawn(layer) for drawn in _are_drawn)


def are_one(symbols: np.ndarray) -> bool:
    """Return whether all symbols (n,) of a layer are one; comparing them would take long."""
    addresses = np.frombuffer(symbols.tobytes(), np.intp)
    return bool((addresses == addresses[0]).all())


def usual_size(layer: Points) -> float:
    """Return the median size of a layer's points; a million of one size are not sorted."""
    size = np.asarray(layer.size)
    return float(size[0]) if (size == size[0]).all() else float(np.median(size))


def redraw(drawer: VispyPointsLayer) -> None:
    """Draw a large layer again, whose points look otherwise by now."""
    for apart in _frames_apart:
        apart(drawer.layer)
    drawer.node.update()


def upload_less(
    is_drawn: Callable[[Points], bool], frame_apart: Callable[[Points], None] | None = None
) -> None:
    """Let napari upload no points of large layers; further calls do nothing.

    Parameters
    ----------
    is_drawn
        Whether a layer is drawn by a `Detail`; napari uploads all points of others.
    frame_apart
        Called before `redraw`; it may leave the frame to a later turn.
    """
    from napari._vispy.layers.points import VispyPointsLayer

    if _are_drawn:
        return
    _are_drawn.append(is_drawn)
    if frame_apart is not None:
        _frames_apart.append(frame_apart)
    _measure_columns()
    _point_at_columns()
    _view_whole()
    drawer: Any = VispyPointsLayer
    napari_does = drawer._on_data_change

    # Events are connected by this name, as napari does.
    def _on_data_change(self: VispyPointsLayer) -> None:
        if not is_lean(self.layer):
            napari_does(self)
            return
        markers = self.node.points_markers
        if markers._data is None:
            markers.set_data(np.zeros((1, 2)), size=0, edge_width=0)
        else:
            markers.events.data_updated()
        self.reset()

    drawer._on_data_change = _on_data_change


@contextmanager
def places_stay() -> Iterator[None]:
    """Measure the extent of many points once meanwhile, in which none is moved in its array."""
    global _places_stay
    _places_stay += 1
    try:
        yield
    finally:
        _places_stay -= 1
        if not _places_stay:
            _extents.clear()


def _measure_columns() -> None:
    """Let napari find the extent of points by columns.

    It asks for it several times for each layer that comes or goes, and numpy takes twenty times as
    long to reduce rows of two numbers.
    """
    from napari.layers import Points

    known: Any = Points._extent_data

    def _extent_data(self: Points) -> np.ndarray:
        if len(self.data) <= MANY:
            extent: np.ndarray = known.fget(self)
            return extent
        of, found = _extents.get(self, (None, None))
        if found is None or of is not self.data:
            columns = np.asarray(self.data).T
            found = np.array([[c.min() for c in columns], [c.max() for c in columns]], float)
            if _places_stay:
                _extents[self] = self.data, found
        return found.copy()

    points: Any = Points
    points._extent_data = property(_extent_data, doc=known.__doc__)


def _point_at_columns() -> None:
    """Let napari find the point under the mouse by columns.

    It looks twice whenever another layer becomes the active one, a tenth of a second each for a
    million points.
    """
    from napari.layers import Points

    points: Any = Points
    known = points._get_value

    def _get_value(self: Points, position: Sequence[float]) -> int | None:
        if len(self.data) <= MANY:
            at: int | None = known(self, position)
            return at
        rows, sizes = self._view_indices, self._view_size
        columns, found = np.asarray(self.data).T, np.arange(0)
        for number, axis in enumerate(self._slice_input.displayed):
            ratio, at = abs(self.scale[axis] / self.scale[-1]), position[axis]
            if not number:  # those that even the largest would not reach are most
                values = columns[axis] if len(rows) == len(self.data) else columns[axis][rows]
                reach = sizes.max(initial=0) / 2 / ratio
                reach += 1e-9 * (reach + abs(at))
                found = np.flatnonzero((values >= at - reach) & (values <= at + reach))
            values = columns[axis][rows[found]]
            found = found[np.abs(values - at) <= sizes[found] / 2 / ratio]
        return rows[found[-1]] if len(found) else None

    points._get_value = _get_value


def _view_whole() -> None:
    """Let napari see all points of a layer without copying them.

    It copies them for each thumbnail: several times for each layer that comes or goes.
    """
    from napari.layers import Points

    points: Any = Points
    known = points._view_data

    def _view_data(self: Points) -> np.ndarray:
        axes = self._slice_input.displayed
        if len(self._view_indices) == len(self.data) and list(axes) == list(range(self.ndim)):
            seen: np.ndarray = self.data
            return seen
        found: np.ndarray = known.fget(self)
        return found

    points._view_data = property(_view_data, doc=known.__doc__)


def upload(drawer: VispyPointsLayer, rows: np.ndarray) -> None:
    """Upload only these rows (n,) of a layer of many points, as napari would."""
    layer, markers = drawer.layer, drawer.node.points_markers
    rows = rows if len(rows) else np.zeros(1, int)
    scale, whole = abs(layer.scale[-1]), back_of(layer)
    size, width = layer.size[rows] * scale, layer.border_width[rows]
    back = None if whole is None else whole[rows]
    relative, symbols = layer.border_width_is_relative, layer.symbol[rows]
    markers.set_data(
        layer.data[rows][:, list(layer._slice_input.displayed)][:, ::-1],
        size=size,
        symbol=str(symbols[0]) if are_one(symbols) else [str(symbol) for symbol in symbols],
        edge_color=faint(layer.border_color[rows], back),
        face_color=faint(layer.face_color[rows], back),
        edge_width=None if relative else np.minimum(width * scale, size),
        edge_width_rel=width if relative else None,
    )
