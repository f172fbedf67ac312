"""Dragging the line of a swipe on the canvas."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from napari_spatialrecon.viewer.results.stage import Stage

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.utils.events import Event

_NEAR_PIXELS = 12.0
"""Distance from the line on screen within which a press takes hold of it."""


class Swipe:
    """Lets the mouse drag the line of a stage while it is held.

    Parameters
    ----------
    moved
        Called after each move.
    """

    def __init__(self, viewer: ViewerModel, stage: Stage, moved: Callable[[], None]) -> None:
        self.viewer, self.stage, self._moved = viewer, stage, moved
        self._held = False

    def hold(self) -> None:
        """Listen to the mouse."""
        if not self._held:
            self._held = True
            self.viewer.mouse_drag_callbacks.append(self.drag)

    def release(self) -> None:
        """Leave the mouse to napari."""
        if self._held:
            self._held = False
            self.viewer.mouse_drag_callbacks.remove(self.drag)

    def drag(self, viewer: ViewerModel, event: Event) -> Iterator[None]:
        """Move the line with the mouse, if it was pressed near it."""
        away = abs(event.position[-1] - self.stage.line) * viewer.scene.camera.zoom
        if event.button != 1 or away > _NEAR_PIXELS:
            return
        pans = viewer.scene.camera.mouse_pan
        viewer.scene.camera.mouse_pan = False
        yield
        while event.type == "mouse_move":
            self.stage.move_line(float(event.position[-1]))
            self._moved()
            yield
        viewer.scene.camera.mouse_pan = pans
