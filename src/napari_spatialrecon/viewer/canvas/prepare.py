"""What every viewer gets once, before our layers are drawn in it."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from napari_spatialrecon.viewer.canvas.bar_title import draw_titles, stack_bars
from napari_spatialrecon.viewer.canvas.opened_look import color_opened
from napari_spatialrecon.viewer.canvas.rims import thin_rims
from napari_spatialrecon.viewer.window.main_window import has_window

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.utils.events import Event


def prepare_canvas(viewer: ViewerModel) -> None:
    """Stack color bars under their titles, draw thin rims, and color slides that are opened."""
    stack_bars(viewer)
    if has_window(viewer):
        draw_titles()
        thin_rims()
    held = weakref.ref(viewer)

    def color(event: Event) -> None:
        found = held()
        if found is not None:
            color_opened(found, event.value)

    viewer.layers.events.inserted.connect(color)
