"""Training of one network of a method that joins several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from napari_spatialrecon.methods.placement.held_out import HeldOut


def unit_length(features: Tensor, on: bool) -> Tensor:
    """Return rows scaled to length √d if `on`, else unchanged."""
    return normalize(features, dim=-1) * features.shape[-1] ** 0.5 if on else features


class LayOut(Protocol):
    """How a network lays out a set of features: (n, d) to (n, dimensions)."""

    def __call__(self, features: Tensor) -> Tensor:
        """Return the layout."""


class EnsembleTask:
    """Training task of one network (see `training.loop.Task`).

    Parameters
    ----------
    network
        The network to train.
    lay_out
        Function that lays out spots, for the held-out error.
    """

    def __init__(self, network: nn.Module, lay_out: LayOut) -> None:
        self.module = network
        self.network = network
        self.lay_out = lay_out
        self.baseline: float | None = None
        self._spots: HeldOut | None = None
        self._spot_features: Sequence[Tensor] = ()

    def validate_on(self, spots: HeldOut, features: Sequence[Tensor], baseline: float) -> None:
        """Measure the error on these spots, for comparison with the baseline's."""
        self._spots, self._spot_features, self.baseline = spots, features, baseline

    def loss(
        self, step: int, generator: torch.Generator
    ) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        """Return the loss of a step and its terms."""
        raise AssertionError("each method has its own loss")

    def held_out(self) -> Mapping[str, float] | None:
        """Return the stress of distances between spots that were not used for training."""
        if self._spots is None:
            return None
        placed = [self.lay_out(f).cpu().double().numpy() for f in self._spot_features]
        return {"held_out": self._spots.stress(placed)}
