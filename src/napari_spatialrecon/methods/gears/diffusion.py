"""EDM preconditioning, noise levels and the sampler of the residual (section 3.4, eq. 3)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

#: Curvature of the sampler's noise levels (Karras et al. 2022).
RHO = 7.0
#: Maximum noise in the three stages of the curriculum, in units of σ_data of the residual.
CAPS = (1.0, 2.0, 3.0)

#: F_ω: maps the scaled noisy residual, c_noise and the last estimate to a raw estimate.
Network = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Preconditioned:
    """Ψ_ω of eq. 3: a raw network with preconditioning.

    Parameters
    ----------
    sigma_data
        Standard deviation of clean residuals.
    """

    network: Network
    sigma_data: float

    def __call__(self, noisy: Tensor, sigma: Tensor, previous: Tensor) -> Tensor:
        """Return the clean residual, (batch, n, d), of `noisy` at noise `sigma`, (batch,)."""
        level = sigma[:, None, None]
        total = level**2 + self.sigma_data**2
        skip = self.sigma_data**2 / total
        out = level * self.sigma_data / total.sqrt()
        raw = self.network(noisy / total.sqrt(), sigma.log() / 4, previous)
        return skip * noisy + out * raw


def draw_sigma(
    batch: int, low: float, cap: float, generator: torch.Generator, device: torch.device
) -> Tensor:
    """Return stratified log-uniform noise levels in [low, cap]: (batch,)."""
    jitter = torch.rand(batch, generator=generator, device=device)
    share = (torch.arange(batch, device=device) + jitter) / batch
    return torch.exp(math.log(low) + share * (math.log(cap) - math.log(low)))


def sigma_cap(done: float, sigma_data: float) -> float:
    """Return the curriculum's maximum noise after a share `done` of the training."""
    stage = min(int(done * len(CAPS)), len(CAPS) - 1)
    return CAPS[stage] * sigma_data


def noise_levels(steps: int, low: float, high: float) -> list[float]:
    """Return decreasing noise levels from `high` to `low`, then 0 (Karras et al., eq. 5)."""
    if steps == 1:
        return [high, 0.0]
    top, bottom = high ** (1 / RHO), low ** (1 / RHO)
    return [(top + i / (steps - 1) * (bottom - top)) ** RHO for i in range(steps)] + [0.0]


def refine(
    denoise: Preconditioned,
    like: Tensor,
    *,
    steps: int,
    low: float,
    temperature: float,
    generator: torch.Generator,
) -> Tensor:
    """Return a residual of the shape of `like`, by Heun's method from noise 3 σ_data to 0.

    Parameters
    ----------
    temperature
        1 starts from noise: a sample. 0 starts from zeros: the refined point estimate.
    """
    levels = noise_levels(steps, low, CAPS[-1] * denoise.sigma_data)
    noise = torch.randn(like.shape, generator=generator, device=like.device)
    current = temperature * levels[0] * noise
    previous = torch.zeros_like(like)
    for now, after in pairwise(levels):
        sigma = torch.full((len(like),), now, device=like.device)
        clean = denoise(current, sigma, previous)
        slope = (current - clean) / now
        ahead = current + (after - now) * slope
        if after > 0:
            sigma = torch.full((len(like),), after, device=like.device)
            second = denoise(ahead, sigma, clean)
            slope = 0.5 * (slope + (ahead - second) / after)
            ahead = current + (after - now) * slope
        previous, current = clean, ahead
    return current
