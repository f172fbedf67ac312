"""History of a training run."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class History:
    """Losses and held-out errors of a run.

    Parameters
    ----------
    steps
        Steps done.
    losses
        The loss of every step.
    held_out
        Results of `Task.held_out`, by step.
    best_step
        The step with the smallest held-out error; None without held-out data.
    stopped
        Whether the user stopped the run before its end.
    """

    steps: int = 0
    losses: list[float] = field(default_factory=list)
    held_out: dict[int, dict[str, float]] = field(default_factory=dict)
    best_step: int | None = None
    stopped: bool = False

    @property
    def best(self) -> dict[str, float]:
        """Held-out results of the best step; empty without held-out data."""
        return {} if self.best_step is None else self.held_out[self.best_step]

    @property
    def stale(self) -> int:
        """Number of validations since the best one."""
        return sum(step > (self.best_step or 0) for step in self.held_out)

    def record(self, metrics: Mapping[str, float]) -> bool:
        """Add a validation of the current step; return whether it is the best so far."""
        best = self.best.get("held_out", math.inf)
        self.held_out[self.steps] = {name: float(value) for name, value in metrics.items()}
        improved = self.held_out[self.steps]["held_out"] < best
        if improved:
            self.best_step = self.steps
        return improved

    def to_dict(self) -> dict[str, Any]:
        """Return the history as plain values, for JSON; numbers that are not finite are null."""
        held_out = {
            str(step): {n: v if math.isfinite(v) else None for n, v in metrics.items()}
            for step, metrics in self.held_out.items()
        }
        return {**dataclasses.asdict(self), "held_out": held_out}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> History:
        """Return the history that `to_dict` described."""
        held_out = {
            int(step): {n: math.nan if v is None else v for n, v in metrics.items()}
            for step, metrics in content["held_out"].items()
        }
        return cls(**{**content, "held_out": held_out})
