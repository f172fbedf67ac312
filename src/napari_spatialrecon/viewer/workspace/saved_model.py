"""A model that was trained before, to be used instead of training."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from napari_spatialrecon.errors import CheckpointError
from napari_spatialrecon.methods.registry import methods_for


@dataclass(frozen=True)
class SavedModel:
    """A folder that "Save model" or ``--save-model`` wrote.

    Parameters
    ----------
    method
        Name of its method.
    """

    folder: Path
    method: str


def find_model(folder: str | Path, task: str) -> SavedModel:
    """Return the model in a folder; whether it is whole is seen when it is loaded.

    Raises
    ------
    CheckpointError
        The folder holds no model, or one of a method that does not do the task.
    """
    folder = Path(folder)
    try:
        method = str(json.loads((folder / "manifest.json").read_bytes())["method"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            "Expected the folder of a saved model, found none (no readable manifest.json).",
            remedy="Try the folder that Save model wrote.",
            where=folder.name,
        ) from error
    known = [info.name for info in methods_for(task)]
    if method not in known:
        raise CheckpointError(
            f"Expected a model of {', '.join(known[:-1])} or {known[-1]}, found one of {method!r}.",
            remedy="Try another folder.",
            where=folder.name,
        )
    return SavedModel(folder, method)
