"""Embeddings of numbers as vectors."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def sinusoidal(values: Tensor, width: int, longest: float = 1e4) -> Tensor:
    """Return sines and cosines of `values`, (batch,), at `width` / 2 frequencies: (batch, width).

    Examples
    --------
    >>> sinusoidal(torch.zeros(1), 4)
    tensor([[0., 0., 1., 1.]])
    """
    steps = torch.arange(width // 2, device=values.device) / (width // 2)
    angles = values[:, None] * torch.exp(-math.log(longest) * steps) * 100
    return torch.cat([torch.sin(angles), torch.cos(angles)], dim=-1)
