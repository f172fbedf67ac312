"""The losses of section 3.4 (eq. 4-10). All but eq. 4 and 8 are invariant under O(d).

Geometries are (batch, n, d), centred. Every loss is a mean over the batch.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import kl_div, log_softmax


def gram(geometry: Tensor) -> Tensor:
    """Return V Vᵀ, (batch, n, n)."""
    return geometry @ geometry.mT


def score(predicted: Tensor, target: Tensor, sigma: Tensor, sigma_data: float) -> Tensor:
    """Return the EDM-weighted denoising error (eq. 4), averaged over entries.

    Parameters
    ----------
    predicted, target : (batch, n, d)
        Clean residuals.
    sigma : (batch,)
        Noise of each set.
    """
    weight = (sigma**2 + sigma_data**2) / (sigma * sigma_data) ** 2
    return (weight * ((predicted - target) ** 2).mean(dim=(1, 2))).mean()


def gram_error(geometry: Tensor, target: Tensor) -> Tensor:
    """Return ‖G − G*‖² / ‖G*‖² of each set (eq. 5; of the generator, eq. 9): (batch,)."""
    wanted = gram(target)
    return ((gram(geometry) - wanted) ** 2).sum(dim=(1, 2)) / (wanted**2).sum(dim=(1, 2))


def log_trace_error(geometry: Tensor, target: Tensor) -> Tensor:
    """Return (log tr G − log tr G*)² of each set (eq. 6): (batch,)."""
    size, wanted = ((x**2).sum(dim=(1, 2)).clamp(min=1e-8).log() for x in (geometry, target))
    return (size - wanted) ** 2


def distance_error(geometry: Tensor, target: Tensor) -> Tensor:
    """Return Σ(d̂ − d)² / Σd² over pairs of each set, (batch,); not in the paper."""
    pairs = _pairs(geometry)
    found, wanted = distances(geometry), distances(target)
    return (((found - wanted) ** 2) * pairs).sum(dim=(1, 2)) / (wanted**2 * pairs).sum(
        dim=(1, 2)
    ).clamp(min=1e-12)


def distances(geometry: Tensor) -> Tensor:
    """Return distances, (batch, n, n), whose gradient is finite where points coincide."""
    squares = (geometry[:, :, None] - geometry[:, None]).pow(2).sum(dim=-1)
    return (squares + 1e-12).sqrt()


def neighbourhood_components(
    geometry: Tensor, target: Tensor, k: int, temperature: float
) -> Tensor:
    """Return the NCA loss (eq. 7), averaged over spots; low if predicted neighbours are true ones.

    Parameters
    ----------
    k
        Number of true neighbours of a spot.
    """
    closed = ~_pairs(geometry).bool()
    logits = -(distances(geometry) ** 2) / temperature
    logits = logits.masked_fill(closed, -1e9)
    near = distances(target).masked_fill(closed, torch.inf)
    rows = near.topk(min(k, near.shape[-1] - 1), dim=-1, largest=False)
    inside = log_softmax(logits, dim=-1).gather(2, rows.indices)
    return -torch.logsumexp(inside, dim=-1).mean()


def edge_lengths(geometry: Tensor, target: Tensor, k: int) -> Tensor:
    """Return the mean (log d̂ − log d)² over true kNN edges (section 3.4, below eq. 7)."""
    closed = ~_pairs(geometry).bool()
    wanted = distances(target).masked_fill(closed, torch.inf)
    rows = wanted.topk(min(k, wanted.shape[-1] - 1), dim=-1, largest=False)
    found = distances(geometry).gather(2, rows.indices)
    return ((found.clamp(min=1e-4).log() - rows.values.clamp(min=1e-4).log()) ** 2).mean()


def align(target: Tensor, geometry: Tensor) -> Tensor:
    """Return `target` times the Q in O(d) that brings it closest to `geometry` (section 3.4).

    No gradient flows through Q.
    """
    with torch.no_grad():
        u, _, vt = torch.linalg.svd(target.mT @ geometry)
        turn = u @ vt
    return target @ turn


def overlap_shape(first: Tensor, second: Tensor) -> Tensor:
    """Return ‖G₁/tr G₁ − G₂/tr G₂‖² of shared spots in two contexts (eq. 10): (batch,).

    Parameters
    ----------
    first, second : (batch, n_shared, d)
        The same spots in the same order, each centred over the shared ones.
    """
    normed = [
        gram(x) / (x**2).sum(dim=(1, 2))[:, None, None].clamp(min=1e-8) for x in (first, second)
    ]
    return ((normed[0] - normed[1]) ** 2).sum(dim=(1, 2))


def overlap_scale(first: Tensor, second: Tensor) -> Tensor:
    """Return (log tr G₁ − log tr G₂)² of shared spots: (batch,)."""
    return log_trace_error(first, second)


def overlap_neighbours(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Return the symmetric KL between softmax distance distributions of shared spots: (batch,)."""
    own = torch.eye(first.shape[1], dtype=torch.bool, device=first.device)
    logs = [
        log_softmax((-(distances(x) ** 2) / temperature).masked_fill(own, -1e9), dim=-1)
        for x in (first, second)
    ]
    both = [
        kl_div(a, b, log_target=True, reduction="none").sum(dim=-1).mean(dim=-1)
        for a, b in (logs, logs[::-1])
    ]
    return 0.5 * (both[0] + both[1])


def _pairs(geometry: Tensor) -> Tensor:
    """Return 1 for pairs of different rows: (batch, n, n)."""
    n = geometry.shape[1]
    others = 1 - torch.eye(n, device=geometry.device, dtype=geometry.dtype)
    return others.expand(len(geometry), n, n)
