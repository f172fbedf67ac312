"""Augmented views of an expression profile, without use of coordinates (section 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_spatialrecon.methods.gears.encoder.config import ViewConfig


def augment(logs: Tensor, config: ViewConfig, generator: torch.Generator) -> Tensor:
    """Return profiles with random genes dropped, the depth rescaled and noise added, in this order.

    Parameters
    ----------
    logs : (n, n_genes)
        Log expression, ``log1p(counts)``; not modified.
    config
        Share of genes dropped, relative range of the depth (drawn uniformly and applied to
        ``expm1(logs)``, where depth is a factor), standard deviation of the noise.
    generator
        Random generator on the device of `logs`.
    """
    device = logs.device
    kept = torch.rand(logs.shape, generator=generator, device=device) >= config.dropout
    u = torch.rand((len(logs), 1), generator=generator, device=device)
    depth = 1 + config.jitter * (2 * u - 1)
    noise = torch.randn(logs.shape, generator=generator, device=device)
    return torch.log1p(torch.expm1(logs * kept) * depth) + config.noise * noise
