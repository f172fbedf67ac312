"""Layers that come without what napari does besides: selecting and writing on them at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from napari_spatialrecon.viewer.canvas.many_points import places_stay
from napari_spatialrecon.viewer.window import garbage

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.components.overlays import Overlay
    from napari.layers import Layer

    from napari_spatialrecon.viewer.window.steps import Steps


MANY = 50_000
"""Points above which layers come a step at a time, so that the window answers in between."""


def shown_overlays(layer: Layer) -> list[Overlay]:
    """Return what is written on a layer: its name, a color bar and the title of that."""
    return [overlay for overlay in layer._overlays.values() if overlay.visible]


def inserting(
    layers: LayerList, index: int, layer: Layer, within: AbstractContextManager[None]
) -> Steps:
    """Insert a layer within a context, and then what is written on it, which takes as long.

    It is not selected.
    """
    words = shown_overlays(layer)
    for overlay in words:
        overlay.visible = False
    with within, unselected(layers), garbage.apart(), places_stay():
        layers.insert(index, layer)
    yield None
    for overlay in words:
        overlay.visible = True
        yield None


def remove(layers: LayerList, layer: Layer) -> None:
    """Remove a layer; the search for garbage comes in a later turn."""
    with garbage.apart(), places_stay():
        layers.remove(layer)


@contextmanager
def unselected(layers: LayerList) -> Iterator[None]:
    """Leave selected what is while layers are inserted: much work follows each selection."""
    listed: Any = layers
    before = listed._activate_on_insert
    listed._activate_on_insert = False
    try:
        yield
    finally:
        listed._activate_on_insert = before
