"""Hyper-parameters of the training loop; importing them does not import torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from napari_spatialrecon.hyperparameters import Config, option


@dataclass(frozen=True)
class LoopConfig(Config):
    """How a network is trained."""

    steps: int = option(300, "Number of training steps.", low=1)
    learning_rate: float = option(1e-3, "Size of a step.", low=0.0)
    weight_decay: float = option(0.0, "Pull of the weights to zero.", low=0.0, advanced=True)
    schedule: str = option(
        "constant",
        "How the learning rate changes: not at all, down to zero, or up and down again.",
        choices=("constant", "cosine", "onecycle"),
        advanced=True,
    )
    gradient_clip: float = option(
        1.0, "Largest norm of the gradient; 0 for no limit.", low=0.0, advanced=True
    )
    ema: float = option(
        0.0,
        "Share of the old in the moving average of weights; 0 for none.",
        low=0.0,
        high=0.99999,
        advanced=True,
    )
    validate_every: int = option(
        25, "Steps between two looks at the held-out error.", low=1, advanced=True
    )
    patience: int = option(
        0, "Looks without improvement before training ends early; 0 for never.", low=0
    )
    checkpoint_every: int = option(
        250, "Steps between two checkpoints; 0 for one at the end.", low=0, advanced=True
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
