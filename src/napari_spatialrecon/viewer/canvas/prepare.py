"""What every viewer gets once, before our layers are drawn in it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_spatialrecon.viewer.canvas.bar_title import draw_titles, stack_bars
from napari_spatialrecon.viewer.canvas.controls import follow_controls
from napari_spatialrecon.viewer.canvas.letters import drawing_letters
from napari_spatialrecon.viewer.canvas.opened_look import color_opened, coloring_opened
from napari_spatialrecon.viewer.canvas.rims import thin_rims
from napari_spatialrecon.viewer.canvas.table_metadata import table_of
from napari_spatialrecon.viewer.window.main_window import has_window, main_window
from napari_spatialrecon.viewer.window.steps import Steps
from napari_spatialrecon.viewer.window.turns import Turns

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer, Points
    from napari.utils.events import Event
    from napari.viewer import Viewer

_MANY = 200_000
"""With more points than this, adding and coloring a layer in one go would be noticed."""


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
    later = _Later(viewer) if has_window(viewer) else None

    def color(event: Event) -> None:
        found = held()
        if found is not None:
            if later is None or not later.takes(event.value):
                color_opened(found, event.value)
            if isinstance(event.value, Points) and table_of(event.value) is not None:
                follow_controls(event.value)

    viewer.layers.events.inserted.connect(color)


class _Later:
    """Colors layers of many points that were opened, in a turn after the one that adds them."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = weakref.ref(viewer)
        self._waiting: list[weakref.ref[Points]] = []
        self._canvas = viewer.window._qt_viewer.canvas
        self._turns = Turns(self._canvas.native, main_window(viewer))

    def takes(self, layer: Layer) -> bool:
        """Color a layer later, if it has many points; return whether it does."""
        from napari.layers import Points

        if not isinstance(layer, Points) or len(layer.data) <= _MANY:
            return False
        self._waiting.append(weakref.ref(layer))
        if not self._turns.running:
            self._turns.start(self._steps())
        return True

    def _steps(self) -> Steps:
        yield from drawing_letters(self._canvas)
        while self._waiting:
            layer, viewer = self._waiting.pop(0)(), self._viewer()
            if layer is not None and viewer is not None and layer in viewer.layers:
                yield from coloring_opened(viewer, layer)
            yield None
