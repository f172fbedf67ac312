"""Base class of all methods: a name, a config, and the result of fitting."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass, field, replace
from typing import ClassVar

from napari_spatialrecon.hyperparameters import Config
from napari_spatialrecon.training.history import History


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """Result of fitting; each method adds its own fields.

    Parameters
    ----------
    history
        History of each training run, in order.
    metrics
        Measurements by name.
    notes
        Messages collected during fitting.
    """

    history: tuple[History, ...] = ()
    metrics: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Method(ABC):
    """Base of the methods of all tasks.

    Parameters
    ----------
    config
        Hyper-parameters; the quick preset if None.

    Attributes
    ----------
    fitted
        Result of fitting, set once at its end.
    """

    name: ClassVar[str]
    config_class: ClassVar[type[Config]]
    fitted: Fitted = Fitted()

    def __init__(self, config: Config | None = None) -> None:
        self.config = config if config is not None else self.config_class()

    @property
    def history(self) -> tuple[History, ...]:
        """History of each training run, in order."""
        return self.fitted.history

    @property
    def notes(self) -> tuple[str, ...]:
        """Messages collected during fitting."""
        return self.fitted.notes


@dataclass(frozen=True)
class Estimate:
    """Estimated cost of a run on one idle core; `pace.span` makes a range for this machine of it.

    Parameters
    ----------
    seconds, memory_bytes
        Cost of the method itself.
    notes
        Messages about the cost.
    plan
        What will be done, where that depends on the cost.
    most_seconds
        After which the run ends by the clock, if it has a limit.
    """

    seconds: float
    memory_bytes: float
    notes: tuple[str, ...] = ()
    plan: tuple[str, ...] = ()
    most_seconds: float = float("inf")

    def plus(self, seconds: float = 0.0, memory_bytes: float = 0.0, *, note: str = "") -> Estimate:
        """Return the estimate plus that of another part of the run; empty notes are dropped."""
        return replace(
            self,
            seconds=self.seconds + seconds,
            memory_bytes=self.memory_bytes + memory_bytes,
            notes=(*self.notes, note) if note else self.notes,
        )
