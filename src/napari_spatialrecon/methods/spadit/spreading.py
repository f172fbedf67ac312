"""A map in which each cell counts once over all spots, fitted to the whole slide."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_spatialrecon.nn.similarity import structural_dissimilarity

_TINY = 1e-12


class Spread:
    """COME's structural similarity (eq. 6-7) of a map whose cells are spread over the spots.

    Softmax over the spots of each cell, followed by normalisation over the cells of a spot: a cell
    that is similar to many spots counts little in each. It fits the pattern of all genes jointly,
    whereas one cosine per gene gives each equal weight.
    """

    def __init__(self, steps: int, learning_rate: float) -> None:
        self.steps, self.learning_rate = steps, learning_rate

    def weights(self, logits: Tensor) -> Tensor:
        """Return the map, with rows that sum to 1."""
        weights = torch.softmax(logits, dim=0)
        return weights / weights.sum(dim=1, keepdim=True).clamp(min=_TINY)

    def scaled(self, values: Tensor) -> Tensor:
        """Return each gene scaled to [0, 1]."""
        low = values.amin(dim=0)
        return (values - low) / (values.amax(dim=0) - low).clamp(min=_TINY)

    def loss(self, mapped: Tensor, target: Tensor) -> Tensor:
        """Return 1 minus the structural similarity."""
        return structural_dissimilarity(target, mapped)
