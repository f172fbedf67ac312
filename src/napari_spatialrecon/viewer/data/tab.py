"""The tab Data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_spatialrecon.viewer.workspace.workspace import workspace_of

if TYPE_CHECKING:
    from napari.viewer import Viewer


class DataTab(QWidget):
    """The tab Data of one viewer."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer, self.space = viewer, workspace_of(viewer)
        QVBoxLayout(self)

    def go(self, what: str, about: object) -> None:
        """Show what another tab asks for."""
