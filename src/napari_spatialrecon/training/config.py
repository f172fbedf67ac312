"""Hyper-parameters of the training loop; importing them does not import torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from napari_spatialrecon.hyperparameters import Config, option


@dataclass(frozen=True)
class LoopConfig(Config):
    """How a network is trained."""

    steps: int = option(300, "Number of training steps.", low=1)
    learning_rate: float = option(1e-3, "Learning rate of the optimizer.", low=0.0)
    weight_decay: float = option(0.0, "Strength of weight decay.", low=0.0, advanced=True)
    schedule: str = option(
        "constant",
        "Learning rate schedule: constant, decay to zero, or warm-up followed by decay.",
        choices=("constant", "cosine", "onecycle"),
        advanced=True,
    )
    gradient_clip: float = option(
        1.0, "Maximum norm of the gradient; 0 for no limit.", low=0.0, advanced=True
    )
    ema: float = option(
        0.0,
        "Decay of the moving average of the weights; 0 for no averaging.",
        low=0.0,
        high=0.99999,
        advanced=True,
    )
    validate_every: int = option(
        25, "Steps between two evaluations of the held-out error.", low=1, advanced=True
    )
    patience: int = option(
        0, "Evaluations without improvement before training stops early; 0 for never.", low=0
    )
    checkpoint_every: int = option(
        250, "Steps between two checkpoints; 0 for one at the end only.", low=0, advanced=True
    )

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        done = step / self.steps
        if self.schedule == "cosine":
            return self.learning_rate * _fall(done)
        if self.schedule == "onecycle":
            rise = min(1.0, done / 0.3)
            fall = max(0.0, (done - 0.3) / 0.7)
            return self.learning_rate * (1 - 0.96 * _fall(rise)) * _fall(fall)
        return self.learning_rate


def _fall(share: float) -> float:
    """Half a cosine: 1 at 0, 0 at 1."""
    return 0.5 * (1 + math.cos(math.pi * share))
