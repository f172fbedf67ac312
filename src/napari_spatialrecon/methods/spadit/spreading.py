"""A map in which a cell counts once over all spots, fitted to the whole matrix of the slide."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_spatialrecon.nn.similarity import structural_dissimilarity

_TINY = 1e-12


class Spread:
    """COME's structural similarity (eq. 6-7) of a map whose cells are spread over the spots.

    The softmax over spots of each cell, then the cells of a spot normalised: a cell that is like
    many spots counts little in each. It fits the pattern of all genes together, where a cosine a
    gene weighs each alike.
    """

    def __init__(self, steps: int, learning_rate: float) -> None:
        self.steps, self.learning_rate = steps, learning_rate

    def weights(self, logits: Tensor) -> Tensor:
        """Return the map, rows summing to 1."""
        weights = torch.softmax(logits, dim=0)
        return weights / weights.sum(dim=1, keepdim=True).clamp(min=_TINY)

    def scaled(self, values: Tensor) -> Tensor:
        """Return each gene from 0 to 1."""
        low = values.amin(dim=0)
        return (values - low) / (values.amax(dim=0) - low).clamp(min=_TINY)

    def loss(self, mapped: Tensor, target: Tensor) -> Tensor:
        """Return 1 less the structural similarity."""
        return structural_dissimilarity(target, mapped)
