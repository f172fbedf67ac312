"""Reading and writing of fitted methods."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from napari_spatialrecon import storage
from napari_spatialrecon.errors import CheckpointError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.hyperparameters import Config
from napari_spatialrecon.legacy import read_record
from napari_spatialrecon.methods.registry import METHODS, MethodInfo, methods_for
from napari_spatialrecon.tasks.writing import RUN, write_model

#: Tasks whose fitted methods can be kept.
KEPT = ("place", "train-encoder", "super-resolve")


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted method and the record of the run that fitted it.

    Parameters
    ----------
    method
        The method after a run, or as read from a folder.
    record
        Content of `run.json`; empty if the model was saved without it.
    """

    method: Any
    record: dict[str, Any]

    @property
    def name(self) -> str:
        """Name of the method."""
        return str(self.method.name)

    @property
    def config(self) -> Config:
        """Hyper-parameters that it was fitted with."""
        found: Config = self.method.config
        return found

    @property
    def notes(self) -> tuple[str, ...]:
        """Messages collected during fitting."""
        return tuple(self.method.notes)

    @cached_property
    def info(self) -> MethodInfo:
        """The method's entry in the registry."""
        return next(i for i in METHODS if i.name == self.name and set(i.tasks) & set(KEPT))

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks it supports, named as on the command line: ``"place"`` and so on."""
        return self.info.tasks

    def save(self, folder: str | Path) -> Path:
        """Write it as a checkpoint folder with the record in it; return the folder.

        Raises
        ------
        InputError
            The method is not trained, so there is nothing to save, or the folder holds other files.
        """
        return write_model(folder, self.method, self.record)[0]


def model_info(folder: str | Path, task: str | None = None) -> MethodInfo:
    """Return the method of the model in a folder; its integrity is checked only on reading.

    Parameters
    ----------
    task
        Task that the method must support.

    Raises
    ------
    CheckpointError
        The folder holds no model, or its method does not support the task.
    """
    folder = Path(folder)
    try:
        method = str(json.loads((folder / storage.MANIFEST).read_bytes())["method"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointError(
            f"Expected the folder of a saved model, found none (no readable {storage.MANIFEST}).",
            remedy=f"Try the folder that {argument('save_model')} wrote.",
            where=folder.name,
        ) from error
    every = [info for name in KEPT for info in methods_for(name) if not info.selects]
    known = [info for info in every if task in (None, *info.tasks)]
    found = next((info for info in known if info.name == method), None)
    if found is None:
        names = list(dict.fromkeys(info.name for info in known))
        raise CheckpointError(
            f"Expected a model of {', '.join(names[:-1])} or {names[-1]}, found one of {method!r}.",
            remedy="Try another folder.",
            where=folder.name,
        )
    return found


def read_fitted(folder: str | Path, task: str | None = None) -> Fitted:
    """Return the fitted method in a folder.

    Raises
    ------
    CheckpointError
        It holds no model, one that is damaged or newer, or one that does not support the task.
    """
    method = model_info(folder, task).method().load(folder)
    file = Path(folder) / RUN
    return Fitted(method, read_record(file) if file.is_file() else {})
