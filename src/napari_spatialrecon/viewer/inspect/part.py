"""What the parts of the tab Inspect have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QWidget

from napari_spatialrecon.viewer.workspace.workspace import workspace_of

if TYPE_CHECKING:
    from napari.layers import Points
    from napari.viewer import Viewer


class Part(QWidget):
    """A section of the tab, about the points layer that is selected.

    A part that a session should return to registers itself in ``space.kept``; one that follows the
    theme has ``set_tones``.

    Parameters
    ----------
    viewer
        The viewer itself, not napari's proxy of it.

    Attributes
    ----------
    title
        Heading of the section.
    opened
        Whether the section is unfolded at first.
    """

    title = ""
    opened = True

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer, self.space = viewer, workspace_of(viewer)

    def show_layer(self, layer: Points | None) -> None:
        """Be about this layer; None if no points are selected."""
        raise NotImplementedError
