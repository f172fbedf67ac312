"""Two views of one expression profile that say nothing of coordinates (section 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_spatialrecon.methods.gears.encoder.config import ViewConfig


def augment(logs: Tensor, config: ViewConfig, generator: torch.Generator) -> Tensor:
    """Return profiles with genes lost, then another depth, then noise.

    Parameters
    ----------
    logs : (n, n_genes)
        Log expression, ``log1p(counts)``; not changed.
    config
        Share of genes lost, relative range of the depth (drawn uniformly, and applied to
        ``expm1(logs)``, where depth is a factor), standard deviation of the noise.
    generator
        On the device of `logs`.
    """
    device = logs.device
    kept = torch.rand(logs.shape, generator=generator, device=device) >= config.dropout
    u = torch.rand((len(logs), 1), generator=generator, device=device)
    depth = 1 + config.jitter * (2 * u - 1)
    noise = torch.randn(logs.shape, generator=generator, device=device)
    return torch.log1p(torch.expm1(logs * kept) * depth) + config.noise * noise
