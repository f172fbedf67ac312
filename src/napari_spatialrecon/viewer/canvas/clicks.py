"""Clicks on the points of a layer; dragging and all other mouse tools keep working."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.viewer.canvas.pointer import DRAG_PX

if TYPE_CHECKING:
    from napari._vispy.mouse_event import NapariMouseEvent
    from napari.layers import Points


def on_click(
    layer: Points,
    clicked: Callable[[int], None],
    *,
    others: Callable[[], list[tuple[Points, Callable[[int], None]]]] = list,
) -> Callable[[], None]:
    """Call `clicked` with the number of each point that is clicked while its layer is selected.

    A drag pans the view as usual.

    Parameters
    ----------
    others
        Returns further layers, each with its callback, that are tried in turn if a click hits
        none of this layer's points.

    Returns
    -------
    A function that disconnects the callback.
    """

    def on_press(layer: Points, event: NapariMouseEvent) -> Generator[None, None, None]:
        start, far = np.asarray(event.pos, float), False
        yield
        while event.type == "mouse_move":
            far = far or np.abs(np.asarray(event.pos, float) - start).max() > DRAG_PX
            yield
        if far or event.button != 1:
            return
        for under, tell in [(layer, clicked), *others()]:
            row: object = under.get_value(
                event.position,
                view_direction=event.view_direction,
                dims_displayed=event.dims_displayed,
                world=True,
            )
            if isinstance(row, int | np.integer):
                tell(int(row))
                return

    def end() -> None:
        if on_press in layer.mouse_drag_callbacks:
            layer.mouse_drag_callbacks.remove(on_press)

    layer.mouse_drag_callbacks.append(on_press)
    return end
