"""Training of one network of a method that joins several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from napari_spatialrecon.methods.ensemble.config import EnsembleConfig
from napari_spatialrecon.methods.ensemble.joining import Joined, join
from napari_spatialrecon.methods.placement.yardsticks import Yardsticks


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
        self._known: Yardsticks | None = None
        self._spot_features: Sequence[Tensor] = ()
        self._join: Callable[..., Joined] = join

    def validate_on(
        self, known: Yardsticks, features: Sequence[Tensor], config: EnsembleConfig
    ) -> None:
        """Measure the error on held-out spots, for comparison with the baseline's."""
        self._known, self._spot_features, self.baseline = known, features, known.stress
        self._join = partial(
            join, baseline_share=config.baseline_share, spread_share=config.spread_share
        )

    def loss(
        self, step: int, generator: torch.Generator
    ) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        """Return the loss of a step and its terms."""
        raise AssertionError("each method has its own loss")

    def held_out(self) -> Mapping[str, float] | None:
        """Return the stress of distances between spots that were not used for training.

        Also how far they lie from their true places, placed like the cells of a query.
        """
        known = self._known
        if known is None:
            return None
        layouts = [self.lay_out(f).cpu().double().numpy() for f in self._spot_features]
        rows, spots = known.held_out.compared, known.seen.all_places
        found = zip(known.compared(layouts), known.posteriors, rows, strict=True)
        places = [
            self._join([layout], posterior.of(own), spots).places
            for layout, posterior, own in found
        ]
        stress = known.held_out.stress(layouts)
        return {"held_out": stress, **known.beside(places, known.seen.frame)}
