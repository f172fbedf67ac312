"""napari's layer controls for our points: they show what is drawn, and change what they show.

napari's own speak of the selected points and those added next. Of ours none are added by hand, so
without a selection a control is about all of them.
"""

from __future__ import annotations

import weakref
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatialrecon.viewer.canvas.bar_title import show_bar
from napari_spatialrecon.viewer.canvas.many_points import usual_size
from napari_spatialrecon.viewer.canvas.pies import pies_of
from napari_spatialrecon.viewer.canvas.rims import RIM, set_rims

if TYPE_CHECKING:
    from napari.layers import Points
    from napari.utils.events import Event

_SOME = 2_000
"""Points of which the most frequent color is shown."""

#: Layers whose controls are being set to what is drawn.
_showing: weakref.WeakSet[Points] = weakref.WeakSet()
_followed: weakref.WeakSet[Points] = weakref.WeakSet()


def follow_controls(layer: Points) -> None:
    """Have the controls of a layer show what is drawn, and change all points or the selected."""
    if layer not in _followed:
        _followed.add(layer)
        events = layer.events
        for shown in (events.size, events.face_color, events.border_color, events.symbol):
            shown.connect(_show)
        events.current_size.connect(_set_size)
        events.current_face_color.connect(_set_face)
        events.current_border_color.connect(_set_border)
        events.current_symbol.connect(_set_symbol)
    show_controls(layer)


def show_controls(layer: Points) -> None:
    """Let the controls of a layer show the median size, and the most frequent color and shape."""
    if layer not in _followed or not len(layer.data) or layer.selected_data:
        return
    few = np.linspace(0, len(layer.data) - 1, min(_SOME, len(layer.data))).astype(int)
    _showing.add(layer)
    try:
        layer.current_size = usual_size(layer)
        layer.current_face_color = _usual(np.asarray(layer.face_color)[few])
        layer.current_border_color = _usual(np.asarray(layer.border_color)[few])
        layer.current_symbol = _usual(np.asarray(layer.symbol)[few])
    finally:
        _showing.discard(layer)


def _usual(values: np.ndarray) -> Any:
    """Return the most frequent of values, or of rows."""
    found: list[Any] = values.tolist()
    keys = [tuple(one) if isinstance(one, list) else one for one in found]
    usual = Counter(keys).most_common(1)[0][0]
    return np.asarray(usual) if isinstance(usual, tuple) else usual


def _show(event: Event) -> None:
    show_controls(event.source)


def _asked(layer: Points) -> bool:
    """Return whether a control was changed by hand, for all points."""
    return layer not in _showing and not layer.selected_data and len(layer.data) > 0


def _set_size(event: Event) -> None:
    layer: Points = event.source
    now = usual_size(layer) if _asked(layer) else 0.0
    if now > 0 and layer.current_size != now:
        layer.size = np.asarray(layer.size) * (layer.current_size / now)
        layer.events.size()


def _set_face(event: Event) -> None:
    layer: Points = event.source
    if _asked(layer) and pies_of(layer) is None:
        layer.face_color = layer.current_face_color
        show_bar(layer, None)


def _set_border(event: Event) -> None:
    layer: Points = event.source
    if _asked(layer):
        chosen = layer.current_border_color
        set_rims(layer, None)
        layer.border_color = chosen
        layer.border_width = RIM


def _set_symbol(event: Event) -> None:
    layer: Points = event.source
    if _asked(layer):
        layer.symbol = layer.current_symbol
