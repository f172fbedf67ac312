"""A saved model, to be used instead of training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SavedModel:
    """A folder written by "Save model…" or ``--save-model``.

    Parameters
    ----------
    method
        Name of the method.
    """

    folder: Path
    method: str


def find_model(folder: str | Path, task: str) -> SavedModel:
    """Return the model in a folder; loading it will show whether it is complete.

    Raises
    ------
    CheckpointError
        The folder holds no model, or one of a method that does not do the task.
    """
    from napari_spatialrecon.tasks.saved import model_info

    return SavedModel(Path(folder), model_info(folder, task).name)
