"""One network of a method that joins several: what the training loop asks of it, and its run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from napari_spatialrecon.errors import Stopped
from napari_spatialrecon.methods.placement.held_out import HeldOut
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.training.config import LoopConfig
from napari_spatialrecon.training.history import History
from napari_spatialrecon.training.loop import train


def unit_length(features: Tensor, on: bool) -> Tensor:
    """Return rows scaled to length √d, or as they are."""
    return normalize(features, dim=-1) * features.shape[-1] ** 0.5 if on else features


class LayOut(Protocol):
    """How a network lays out a set of features: (n, d) to (n, dimensions)."""

    def __call__(self, features: Tensor) -> Tensor:
        """Return the layout."""


class EnsembleTask:
    """What the training loop asks of one network (see `training.loop.Task`).

    Parameters
    ----------
    network
        To be trained.
    lay_out
        How it lays out spots, for the held-out error.
    """

    def __init__(self, network: nn.Module, lay_out: LayOut) -> None:
        self.module = network
        self.network = network
        self.lay_out = lay_out
        self.baseline: float | None = None
        self._spots: HeldOut | None = None
        self._spot_features: Sequence[Tensor] = ()

    def validate_on(self, spots: HeldOut, features: Sequence[Tensor], baseline: float) -> None:
        """Measure the error on these spots, beside the baseline's."""
        self._spots, self._spot_features, self.baseline = spots, features, baseline

    def loss(
        self, step: int, generator: torch.Generator
    ) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        """Return the loss of a step and its terms."""
        raise AssertionError("each method has its own loss")

    def held_out(self) -> Mapping[str, float] | None:
        """Return the stress of the distances between spots that this network never saw."""
        if self._spots is None:
            return None
        placed = [self.lay_out(f).cpu().double().numpy() for f in self._spot_features]
        return {"held_out": self._spots.stress(placed)}


@dataclass(frozen=True)
class Run:
    """How a fit trains its networks."""

    seed: int
    device: str
    reporter: Reporter
    folder: Path | None
    resume: bool

    def train(
        self, task: EnsembleTask, loop: LoopConfig, stage: str, name: str, seed: int
    ) -> History:
        """Train one network, or go on where it was stopped."""
        folder = None if self.folder is None else self.folder / name
        history = train(
            task,
            loop,
            seed=seed,
            device=self.device,
            reporter=self.reporter,
            folder=folder,
            resume=self.resume and folder is not None and folder.exists(),
            stage=stage,
        )
        if history.stopped:
            raise Stopped(checkpoint="" if self.folder is None else str(self.folder))
        return history
