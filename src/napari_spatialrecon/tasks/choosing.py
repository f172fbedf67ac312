"""Which method a run uses, and the record of one that was chosen on the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_spatialrecon import provenance
from napari_spatialrecon.hyperparameters import Config
from napari_spatialrecon.methods.auto.trials import Trials
from napari_spatialrecon.methods.method import Method
from napari_spatialrecon.methods.registry import MethodInfo, find_method, methods_for
from napari_spatialrecon.tasks.saved import Fitted, model_info

#: A fitted method, or its checkpoint folder.
Trained = Fitted | Method | str | Path


def method_of(
    method: str, verb: str, model: Trained | None = None, config: Config | None = None
) -> MethodInfo:
    """Return a method by name; where it stands for a choice, that of the model or config, if any.

    Raises
    ------
    InputError
        There is no method of that name.
    """
    info = find_method(method, verb)
    if not info.selects or isinstance(config, info.config()):
        return info
    if isinstance(model, str | Path):
        return model_info(model, verb)
    if model is not None:
        return find_method(model.name, verb)
    same = (other for other in methods_for(verb) if type(config) is other.config())
    return next(same, info)


def note_choice(record: provenance.RunRecord, chooser: Any, kept: Method) -> None:
    """Note which method was kept: the record is then that of a run of this method.

    The mean of several methods has no name of its own, and stays a run of the choice.

    Parameters
    ----------
    chooser
        A method that selects, whose ``trials`` tell what it tried.
    """
    trials: Trials = chooser.trials
    record.settings[record.method] = {"config": chooser.config.to_dict(), **trials.settings()}
    record.metrics |= trials.seconds()
    record.method = kept.name
