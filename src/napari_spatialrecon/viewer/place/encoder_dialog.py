"""Training an encoder before cells are placed, in a window beside napari's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QDialog, QVBoxLayout, QWidget

from napari_spatialrecon.viewer.place.model import PlaceModel
from napari_spatialrecon.viewer.task.shared_choice import SharedChoice
from napari_spatialrecon.viewer.train_encoder.widget import TrainEncoder

if TYPE_CHECKING:
    from napari.viewer import Viewer


class EncoderDialog(QDialog):
    """Train encoder on the slides and cells of a placement, which then starts from it; not modal.

    Parameters
    ----------
    model
        The placement.
    """

    def __init__(self, model: PlaceModel, viewer: Viewer, parent: QWidget) -> None:
        super().__init__(parent)
        self.model = model
        self.setWindowTitle("Train an encoder")
        self.widget = TrainEncoder(viewer)
        self.widget.model.finished.connect(self._use)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.widget)
        self.resize(420, 680)

    def open_beside(self) -> None:
        """Show the window, with the data of the placement unless it is training."""
        if not self.widget.model.running:
            choice = SharedChoice()
            self.model.share(choice)
            self.widget.model.take(choice)
        self.show()
        self.raise_()
        self.activateWindow()

    def _use(self, _: object) -> None:
        """Place with the encoder that was trained, unless a placement is in progress."""
        entry = self.widget.model.keep()
        if not self.model.running:
            self.model.use_encoder(entry)
