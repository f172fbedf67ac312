"""Clicks and drags on a viewer's canvas, for one widget at a time."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from napari._vispy.mouse_event import NapariMouseEvent
    from napari.components import ViewerModel

#: Pixels on screen: least distance of a drag, and greatest distance at which a mark is hit.
DRAG_PX, HIT_PX = 4.0, 10.0


class Holder(Protocol):
    """What takes the mouse of a viewer's canvas while it is on."""

    def switch(self, on: bool) -> None:
        """Connect to the canvas, or disconnect from it."""


_holders: weakref.WeakKeyDictionary[ViewerModel, Holder] = weakref.WeakKeyDictionary()


def hold(viewer: ViewerModel, holder: Holder) -> None:
    """Switch off whoever else takes the mouse, and let the selected layer's own tool rest."""
    other = _holders.get(viewer)
    if other is not None and other is not holder:
        other.switch(False)
    _holders[viewer] = holder
    active = viewer.layers.selection.active
    if active is not None and getattr(active, "mode", "pan_zoom") != "pan_zoom":
        active.mode = "pan_zoom"


def let_go(viewer: ViewerModel) -> None:
    """Leave the mouse to whoever asks next."""
    _holders.pop(viewer, None)


def is_held(viewer: ViewerModel) -> bool:
    """Return whether clicks on the canvas are taken by a tool, such as setting landmarks."""
    return viewer in _holders


class Tool:
    """Takes the mouse of a viewer's canvas while it is on; only one of a viewer's tools is.

    Parameters
    ----------
    viewer
        The viewer whose canvas is used.
    switched
        Called when the tool is switched on or off, with the new state.
    """

    def __init__(self, viewer: ViewerModel, switched: Callable[[bool], None]) -> None:
        self._viewer, self._switched = viewer, switched
        self.on = False

    def switch(self, on: bool) -> None:
        """Connect to the canvas, or disconnect from it."""
        if on == self.on:
            return
        self.on = on
        if on:
            hold(self._viewer, self)
            self._begin()
            self._viewer.mouse_drag_callbacks.append(self._hear)
        else:
            self.forget()
        self._switched(on)

    def forget(self) -> None:
        """Disconnect from the canvas without calling `switched`."""
        self.on = False
        if self._hear in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._hear)
            let_go(self._viewer)
            self._end()

    def _begin(self) -> None:
        """Get ready, as the tool is switched on."""

    def _end(self) -> None:
        """Put things back, as the tool is switched off."""

    def _hear(self, viewer: ViewerModel, event: NapariMouseEvent) -> Generator[None, None, None]:
        """Follow a press of the mouse until it is released."""
        raise NotImplementedError


class Pointer(Tool):
    """Takes clicks on the canvas, and drags of marks.

    Parameters
    ----------
    viewer
        The viewer whose canvas is used.
    clicked
        Called with the position of a click, (2,) as (y, x) in world units.
    marks
        Returns the marks that can be dragged, (k, 2) as (y, x) in world units.
    dragged
        Called with the number of a mark, its new position, and whether it was released.
    switched
        Called when the pointer is switched on or off, with the new state.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        *,
        clicked: Callable[[np.ndarray], None],
        marks: Callable[[], np.ndarray],
        dragged: Callable[[int, np.ndarray, bool], None],
        switched: Callable[[bool], None] = lambda on: None,
    ) -> None:
        super().__init__(viewer, switched)
        self._clicked, self._marks, self._dragged = clicked, marks, dragged

    def _hear(self, viewer: ViewerModel, event: NapariMouseEvent) -> Generator[None, None, None]:
        if event.button != 1 or viewer.dims.ndisplay != 2:
            return
        start = np.asarray(event.position, float)[-2:]
        hit = self._hit(start)
        pan = viewer.scene.camera.mouse_pan
        if hit is not None:
            viewer.scene.camera.mouse_pan = False
        origin, far = np.asarray(event.pos, float), False
        try:
            yield
            while event.type == "mouse_move":
                far = far or np.abs(np.asarray(event.pos, float) - origin).max() > DRAG_PX
                if hit is not None and far:
                    self._dragged(hit, np.asarray(event.position, float)[-2:], False)
                yield
        finally:
            viewer.scene.camera.mouse_pan = pan
        if hit is not None and far:
            self._dragged(hit, np.asarray(event.position, float)[-2:], True)
        elif not far:
            self._clicked(start)

    def _hit(self, at: np.ndarray) -> int | None:
        marks = self._marks()
        if not len(marks):
            return None
        apart = np.linalg.norm(marks - at, axis=1) * self._viewer.scene.camera.zoom
        nearest = int(np.argmin(apart))
        return nearest if apart[nearest] <= HIT_PX else None
