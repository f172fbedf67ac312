"""Minisets: small sets of spots with their target geometry (section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_spatialrecon.methods.gears.config import MinisetConfig


@dataclass(frozen=True)
class Minisets:
    """The minisets of a training step, all of one size.

    Parameters
    ----------
    features : (batch, n, d_features)
    target : (batch, n, d)
        Canonical geometry: centred, in principal axes, padded with zeros to d dimensions.
    shared
        Number of spots that miniset i of the first half shares with miniset i of the second half;
        they come first in both. 0 without pairs.
    """

    features: Tensor
    target: Tensor
    shared: int = 0


def gram_factor(places: Tensor, dimensions: int) -> Tensor:
    """Return V, (batch, n, d), with V Vᵀ = Y Yᵀ, where Y are the centred places (batch, n, 2).

    V is the factor U Λ^½ of the Gram matrix (section 3.2). The sign of each column is chosen such
    that its entry of largest magnitude is positive.
    """
    centred = places - places.mean(dim=1, keepdim=True)
    u, s, _ = torch.linalg.svd(centred, full_matrices=False)
    factor = u * s[:, None, :]
    largest = factor.abs().argmax(dim=1, keepdim=True)
    factor = factor * torch.sign(factor.gather(1, largest))
    padding = dimensions - factor.shape[-1]
    return torch.nn.functional.pad(factor, (0, padding))


def draw(
    features: Sequence[Tensor],
    places: Sequence[Tensor],
    config: MinisetConfig,
    dimensions: int,
    generator: torch.Generator,
) -> Minisets:
    """Draw a step's minisets, all of one size; slides are drawn in proportion to their spots.

    Parameters
    ----------
    features, places : one (n_spots, d) and (n_spots, 2) tensor per slide
        On the generator's device.
    """
    device = places[0].device
    smallest = min(len(p) for p in places)
    span = torch.randint(
        config.smallest, config.largest + 1, (1,), generator=generator, device=device
    )
    n = min(int(span), smallest)
    paired = config.overlap > 0
    sizes = torch.tensor([float(len(p)) for p in places], device=device)
    count = config.per_step // 2 if paired else config.per_step
    slides = torch.multinomial(sizes, max(count, 1), replacement=True, generator=generator)
    shared = int(config.overlap * n) if paired else 0
    rows: list[tuple[int, Tensor]] = []
    partners: list[tuple[int, Tensor]] = []
    for slide in slides.tolist():
        first = _pool(places[slide], n, config.locality, generator)
        rows.append((slide, first))
        if paired:
            centre = places[slide][first[:1]]
            others = _pool(places[slide], n, config.locality, generator, centre)
            fresh = others[~torch.isin(others, first[:shared])][: n - shared]
            partners.append((slide, torch.cat([first[:shared], fresh])))
    rows += partners
    chosen = torch.stack([features[s][i] for s, i in rows])
    target = gram_factor(torch.stack([places[s][i] for s, i in rows]), dimensions)
    return Minisets(chosen, target, shared)


def _pool(
    places: Tensor,
    n: int,
    locality: float,
    generator: torch.Generator,
    centre: Tensor | None = None,
) -> Tensor:
    """Return n distinct spots, from anywhere or near a centre with p ∝ exp(−δ / τ)."""
    if locality == 0:
        return torch.randperm(len(places), generator=generator, device=places.device)[:n]
    if centre is None:
        start = torch.randint(len(places), (1,), generator=generator, device=places.device)
        centre = places[start]
    logits = -torch.cdist(centre, places)[0] / locality
    uniform = torch.rand(len(places), generator=generator, device=places.device)
    gumbel = -torch.log(-torch.log(uniform.clamp(1e-9, 1 - 1e-7)))
    return (logits + gumbel).topk(n).indices
