"""The choice of a saved model instead of training, shared by the tasks that offer it."""

from __future__ import annotations

from napari_spatialrecon.errors import CheckpointError
from napari_spatialrecon.viewer.task.inputs import Inputs
from napari_spatialrecon.viewer.task.model import TaskModel
from napari_spatialrecon.viewer.workspace.saved_model import SavedModel, find_model


class TakesSavedModel(TaskModel):
    """A task model with the choice of a saved model."""

    _saved: SavedModel | None = None

    @property
    def saved(self) -> SavedModel | None:
        """The saved model to use, if it is of the chosen method."""
        fits = self._saved is not None and self._saved.method == self._method
        return self._saved if fits else None

    @saved.setter
    def saved(self, saved: SavedModel | None) -> None:
        self._saved = saved
        self.choose()


class SavedModelInputs(Inputs):
    """Fields that take the folder of a saved model."""

    model: TakesSavedModel

    def use_model(self, folder: str) -> None:
        """Use the model saved in a folder, and its method."""
        try:
            saved = find_model(folder, self.model.task)
        except CheckpointError as error:
            self.failed.emit(error)
            return
        self.method.setCurrentIndex(self.method.findData(saved.method))
        self.model.saved = saved
        self.opened.emit()
