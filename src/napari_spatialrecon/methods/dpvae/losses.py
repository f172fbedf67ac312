"""The terms of the objective (eq. 2-5 of the paper)."""

from __future__ import annotations

import torch
from torch import Tensor


def distance_preserving(
    latent: Tensor, places: Tensor, log_scale: Tensor, mask: Tensor | None = None
) -> Tensor:
    """Return the mean over pairs of (‖z_i − z_j‖ − λ‖s_i − s_j‖)² (eq. 3; eq. 5 with a mask).

    Parameters
    ----------
    latent : (n, latent)
    places : (n, 2)
    log_scale
        log λ, scalar.
    mask : (n, n) bool, optional
        M of eq. 5; only its upper triangle is read.
    """
    squares = (torch.pdist(latent) - torch.exp(log_scale) * torch.pdist(places)) ** 2
    if mask is None:
        return squares.mean()
    rows, columns = torch.triu_indices(len(latent), len(latent), offset=1, device=latent.device)
    chosen = mask[rows, columns].to(squares.dtype)
    return (squares * chosen).sum() / chosen.sum().clamp(min=1)


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(q(z|x) ‖ N(0, I)), summed over the latent, averaged over spots (eq. 2)."""
    per_spot = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=-1)
    return per_spot.mean()


def gaussian_reconstruction(decoded: Tensor, features: Tensor) -> Tensor:
    """Return the negative log-likelihood of a unit-variance Gaussian, up to a constant (eq. 2)."""
    return ((decoded - features) ** 2).mean()


def negative_binomial_reconstruction(
    shares: Tensor, counts: Tensor, log_dispersion: Tensor
) -> Tensor:
    """Return the mean negative log-likelihood of counts under NB(library · share, θ).

    Parameters
    ----------
    shares : (n, n_genes)
        Expected shares of the counts; rows sum to 1.
    counts : (n, n_genes)
        Raw counts.
    log_dispersion : (n_genes,)
        log θ; variance is mean + mean²/θ.
    """
    mean = shares * counts.sum(dim=-1, keepdim=True) + 1e-8
    theta = torch.exp(log_dispersion)
    log_likelihood = (
        torch.lgamma(counts + theta)
        - torch.lgamma(theta)
        - torch.lgamma(counts + 1)
        + theta * (torch.log(theta) - torch.log(theta + mean))
        + counts * (torch.log(mean) - torch.log(theta + mean))
    )
    return -log_likelihood.mean()
