"""Noise levels and the sampler (eq. 3-10), for a network that predicts the clean map.

Eq. 9 predicts the noise; predicting x₀ is the same objective with different weights of the levels,
and is also defined at level T, where no signal is left.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

#: x_t and t, (batch,) int, to the predicted x₀.
Denoiser = Callable[[Tensor, Tensor], Tensor]


def kept_signal(levels: int) -> Tensor:
    """Return ᾱ of each level 0 … T, (T + 1,): the cosine schedule, 1 at 0 and exactly 0 at T."""
    t = torch.arange(levels + 1, dtype=torch.float64) / levels
    start = 0.008
    f = torch.cos((t + start) / (1 + start) * math.pi / 2) ** 2
    kept = (f / f[0]).clamp(0, 1)
    kept[-1] = 0.0
    return kept.float()


def noised(clean: Tensor, level: Tensor, kept: Tensor, noise: Tensor) -> Tensor:
    """Return x_t = √ᾱ x₀ + √(1 − ᾱ) ε, the closed form below eq. 3.

    Level T has neither signal nor noise: there the network learns the mean of x₀.

    Parameters
    ----------
    clean, noise : (batch, n)
    level : (batch,) int
    """
    share = kept[level][:, None]
    top = (level == len(kept) - 1)[:, None]
    return torch.where(top, 0.0, share.sqrt() * clean + (1 - share).sqrt() * noise)


def sample_levels(levels: int, steps: int) -> list[int]:
    """Return the decreasing levels visited by a sampler with `steps` steps, from T − 1 down."""
    count = min(steps, levels - 1)
    found = torch.linspace(levels - 1, 1, count).round().int().tolist()
    return list(dict.fromkeys(found))


def sample(denoise: Denoiser, noise: Tensor, kept: Tensor, steps: int) -> Tensor:
    """Return maps sampled by DDIM (eq. 7 and 10 without the noise of each step).

    Uses only noise, the level and the condition of the network: no measured values.

    Parameters
    ----------
    noise : (batch, n)
        Standard normal.
    """
    current, clean = noise, noise
    visited = sample_levels(len(kept) - 1, steps)
    for now, after in zip(visited, [*visited[1:], 0], strict=True):
        level = torch.full((len(noise),), now, device=noise.device)
        clean = denoise(current, level)
        a, b = kept[now], kept[after]
        direction = (current - a.sqrt() * clean) / (1 - a).sqrt()
        current = b.sqrt() * clean + (1 - b).sqrt() * direction
    return clean
