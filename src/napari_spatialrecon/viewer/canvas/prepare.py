"""What every viewer gets once, before our layers are drawn in it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_spatialrecon.viewer.canvas.bar_title import draw_titles, stack_bars
from napari_spatialrecon.viewer.canvas.controls import follow_controls
from napari_spatialrecon.viewer.canvas.opened_look import color_opened
from napari_spatialrecon.viewer.canvas.rims import thin_rims
from napari_spatialrecon.viewer.canvas.table_metadata import table_of
from napari_spatialrecon.viewer.window.main_window import has_window

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.utils.events import Event


def prepare_canvas(viewer: ViewerModel, unify_units: Callable[[], None]) -> None:
    """Stack color bars under their titles, draw thin rims, and color slides that are opened.

    Parameters
    ----------
    unify_units
        Gives all layers one unit; called before napari compares their units, as it does before a
        layer that arrives is announced. Otherwise it would say that they differ, and the scale bar
        would lose its unit.
    """
    stack_bars(viewer)
    if has_window(viewer):
        draw_titles()
        thin_rims()
        canvas = viewer.window._qt_viewer.canvas
        update = canvas._update_world_units

        def update_units() -> None:
            unify_units()
            update()

        setattr(canvas, "_update_world_units", update_units)  # noqa: B010  mypy: a method
    from napari.layers import Points

    held = weakref.ref(viewer)

    def color(event: Event) -> None:
        found = held()
        if found is not None:
            color_opened(found, event.value)
            if isinstance(event.value, Points) and table_of(event.value) is not None:
                follow_controls(event.value)

    viewer.layers.events.inserted.connect(color)
