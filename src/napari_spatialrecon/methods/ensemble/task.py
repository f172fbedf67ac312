"""Training of one network of a method that joins several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import normalize

from napari_spatialrecon.methods.ensemble.config import EnsembleConfig
from napari_spatialrecon.methods.ensemble.joining import Joined, join
from napari_spatialrecon.methods.placement.posterior import Posterior
from napari_spatialrecon.methods.placement.yardsticks import Yardsticks

Places = NDArray[np.float64]


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
        layouts = self._layouts(self._spot_features)
        rows = known.held_out.compared
        likely = [p.of(own) for p, own in zip(known.posteriors, rows, strict=True)]
        places = self._joined(known.compared(layouts), likely)
        stress = known.held_out.stress(layouts)
        return {"held_out": stress, **known.beside(places, known.seen.frame)}

    def place_spots(self, features: Sequence[Tensor], likely: Sequence[Posterior]) -> list[Places]:
        """Return where the network places spots like cells of a query, in the reference's frame.

        Parameters
        ----------
        features : one (n, d) per slide
            The network's input.
        likely : one per slide
            The spots' places by similarity.
        """
        self.network.eval()
        with torch.no_grad():
            return self._joined(self._layouts(features), likely)

    def _layouts(self, features: Sequence[Tensor]) -> list[Places]:
        return [self.lay_out(f).cpu().double().numpy() for f in features]

    def _joined(self, layouts: Sequence[Places], likely: Sequence[Posterior]) -> list[Places]:
        assert self._known is not None, "validate_on was called"
        spots = self._known.seen.all_places
        return [
            self._join([layout], posterior, spots).places
            for layout, posterior in zip(layouts, likely, strict=True)
        ]
