"""Down-weighting of spots that attract too many cells (hubs)."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from napari_spatialrecon.methods.come.coefficients import Start

#: Sinkhorn iterations; the scaling converges to a per cent after about twenty.
ROUNDS = 30
_TINY = 1e-12


def balanced(start: Start, strength: float, masses: Tensor | None = None) -> Start:
    """Return logits plus `strength` times Sinkhorn's log-scaling of the columns.

    With strength 1 the columns of P sum to the target masses (Cuturi 2013); 0 changes nothing.

    Parameters
    ----------
    masses : (n_columns,), optional
        Target masses of the spots, up to a factor, such as their numbers of cells (COME+). By
        default equal, which assumes that the cells cover the slides evenly.
    """
    if strength == 0:
        return start
    weights = torch.exp(start.logits - start.logits.max(dim=1, keepdim=True).values)
    scaling = weights.new_ones(start.n_columns)
    masses = scaling if masses is None else masses.to(weights).clamp(min=_TINY)
    target = masses * (len(weights) / masses.sum())
    for _ in range(ROUNDS):
        share = 1 / _gathered(start, weights, scaling).clamp(min=_TINY)
        scaling = target / _column_sums(start, weights * share[:, None]).clamp(min=_TINY)
    change = strength * torch.log(scaling)
    change = change if start.columns is None else change[start.columns]
    return replace(start, logits=start.logits + change)


def _gathered(start: Start, weights: Tensor, scaling: Tensor) -> Tensor:
    if start.columns is None:
        return weights @ scaling
    return (weights * scaling[start.columns]).sum(dim=1)


def _column_sums(start: Start, values: Tensor) -> Tensor:
    if start.columns is None:
        return values.sum(dim=0)
    zeros = values.new_zeros(start.n_columns)
    return zeros.index_add(0, start.columns.flatten(), values.flatten())
