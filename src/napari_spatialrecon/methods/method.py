"""Base class of all methods: a name, a config, and the history and messages of fitting."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass, replace
from typing import ClassVar

from napari_spatialrecon.hyperparameters import Config
from napari_spatialrecon.training.history import History


class Method(ABC):
    """Base of the methods of all tasks.

    Parameters
    ----------
    config
        Hyper-parameters; the quick preset if None.

    Attributes
    ----------
    history
        History of each training run, in order.
    notes
        Messages collected during fitting.
    """

    name: ClassVar[str]
    config_class: ClassVar[type[Config]]
    notes: tuple[str, ...] = ()

    def __init__(self, config: Config | None = None) -> None:
        self.config = config if config is not None else self.config_class()
        self.history: list[History] = []


@dataclass(frozen=True)
class Estimate:
    """Estimated cost of a run on one core.

    Parameters
    ----------
    seconds, memory_bytes
        Cost of the method itself.
    notes
        Messages about the cost.
    """

    seconds: float
    memory_bytes: float
    notes: tuple[str, ...] = ()

    def plus(self, seconds: float = 0.0, memory_bytes: float = 0.0, *, note: str = "") -> Estimate:
        """Return the estimate plus that of another part of the run; empty notes are dropped."""
        return replace(
            self,
            seconds=self.seconds + seconds,
            memory_bytes=self.memory_bytes + memory_bytes,
            notes=(*self.notes, note) if note else self.notes,
        )
