"""The hyper-parameters of a run: a preset, a config or single settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_spatialrecon.errors import ConfigError, InputError
from napari_spatialrecon.faces import literal
from napari_spatialrecon.hyperparameters import Config, flattened
from napari_spatialrecon.methods.registry import METHODS, MethodInfo, find_method

#: Settings by name, as keywords, dotted names or nested mappings.
Settings = Mapping[str, Any]


def config(
    method: str,
    settings: Settings | None = None,
    /,
    *,
    task: str | None = None,
    preset: str = "quick",
    **values: Any,
) -> Config:
    """Return the hyper-parameters of a method, for ``config=`` of a task.

    Parameters
    ----------
    method
        Name of a method; ``spatialrecon methods`` lists them.
    settings
        Values by dotted name, such as ``{"training.steps": 50}``, or nested:
        ``{"training": {"steps": 50}}``.
    task
        Needed if a name refers to several methods: ``"place"``, ``"impute-genes"`` and so on.
    preset
        ``"quick"``, ``"standard"`` or another preset of the method.
    values
        Further settings; two underscores represent a dot: ``training__steps=50``.

    Raises
    ------
    InputError
        The method does not exist, or the name is ambiguous without `task`.
    ConfigError
        A preset or setting does not exist, or a value is invalid.

    Examples
    --------
    >>> config("gears", preset="standard", members=2).flat()["members"]
    2
    >>> config("gears", training__steps=50) == config("gears", {"training": {"steps": 50}})
    True
    """
    start = _method_info(method, task).config().preset(preset)
    return start.with_values({**by_dotted_name(settings), **by_dotted_name(values)})


def config_call(method: str, task: str, preset: str, changes: Settings) -> str:
    """Return, as Python source, the call of `config` that applies changes to a preset.

    Examples
    --------
    >>> config_call("knn", "place", "quick", {"neighbours": 7})
    'sr.config("knn", task="place", preset="quick", neighbours=7)'
    """
    words = {"preset": preset}
    if sum(info.name == method for info in METHODS) > 1:
        words = {"task": task, **words}
    words |= {name.replace(".", "__"): value for name, value in changes.items()}
    arguments = [f"{name}={literal(value)}" for name, value in words.items()]
    return f"sr.config({', '.join([literal(method), *arguments])})"


def chosen_config(info: MethodInfo, config: Config | None, settings: Settings | None) -> Config:
    """Return the config of a run: the one given or the quick preset, overridden by settings.

    Raises
    ------
    ConfigError
        The config belongs to another method, or a setting is unknown or not allowed.
    """
    own = info.config()
    if config is not None and not isinstance(config, own):
        raise ConfigError(
            f"Expected a config of {info.name}, found {type(config).__name__}.",
            remedy=f'Try config("{info.name}").',
            where="config",
        )
    return (own() if config is None else config).with_values(by_dotted_name(settings))


def by_dotted_name(settings: Settings | None) -> dict[str, Any]:
    """Return settings that were given as keywords, dotted names or nested mappings."""
    found = flattened(settings or {})
    return {name.replace("__", "."): value for name, value in found.items()}


def _method_info(method: str, task: str | None) -> MethodInfo:
    if task is not None:
        return find_method(method, task.replace("_", "-"))
    known = [info for info in METHODS if info.name == method]
    if not known:
        names = dict.fromkeys(info.name for info in METHODS)
        raise InputError(
            f"Expected a method, found {method!r}.", remedy=f"Try one of {', '.join(names)}."
        )
    if len(known) > 1:
        tasks = [info.tasks[0] for info in known]
        raise InputError(
            f"Expected the task of {method}, which stands for several methods; found none.",
            remedy=f'Try task="{tasks[0]}" ({", ".join(tasks)}).',
            where="task",
        )
    return known[0]
