"""The window of a viewer; one that a script or a test made without a window has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.viewer import Viewer
    from qtpy.QtWidgets import QMainWindow, QWidget


def has_window(viewer: ViewerModel | None) -> TypeGuard[Viewer]:
    """Return whether a viewer is shown in a window."""
    return hasattr(viewer, "window")


def main_window(viewer: Viewer) -> QMainWindow:
    """Return the Qt window of a viewer: the parent of what has to last as long as the viewer."""
    return viewer.window._qt_window


def canvas_of(viewer: ViewerModel) -> QWidget | None:
    """Return the widget that a viewer draws on; None without a window."""
    if not has_window(viewer):
        return None
    canvas: QWidget = viewer.window._qt_viewer.canvas.native
    return canvas
