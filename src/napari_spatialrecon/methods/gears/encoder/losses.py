"""The terms of stage A: eq. 1 of the paper, and the alignment terms of its appendix 7.2.

All are means, not sums: sums as printed in eq. 1 do not train.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss, normalize, relu

#: Added to a variance before taking its square root.
EPSILON = 1e-4
#: Widths of the kernels, in units of the median distance.
WIDTHS = (0.5, 1.0, 2.0, 4.0)


def invariance(z1: Tensor, z2: Tensor) -> Tensor:
    """Return the mean squared difference of two views, (n, h) each (eq. 1, first term)."""
    return mse_loss(z1, z2)


def variance(z1: Tensor, z2: Tensor, target_std: float = 1.0) -> Tensor:
    """Return the mean shortfall of dimensions' standard deviations from γ (eq. 1, second term)."""
    short = [relu(target_std - torch.sqrt(z.var(dim=0) + EPSILON)).mean() for z in (z1, z2)]
    return (short[0] + short[1]) / 2


def covariance(z1: Tensor, z2: Tensor) -> Tensor:
    """Return the sum of squared covariances between dimensions over h (eq. 1, third term)."""
    total = z1.new_zeros(())
    for z in (z1, z2):
        squares = torch.cov(z.T) ** 2
        total = total + (squares.sum() - squares.diagonal().sum()) / z.shape[1]
    return total


def mmd(x: Tensor, y: Tensor) -> Tensor:
    """Return the squared maximum mean discrepancy of two samples (appendix 7.2).

    Gretton et al., JMLR 2012, eq. 5 (biased), averaged over Gaussian kernels whose widths are
    0.5, 1, 2 and 4 times the median distance.

    Parameters
    ----------
    x, y : (n, h), (m, h)
        Embeddings; they are normalised to unit length first.
    """
    both = normalize(torch.cat([x, y]), dim=1)
    squares = (2 - 2 * both @ both.T).clamp(min=0)
    with torch.no_grad():
        apart = ~torch.eye(len(both), dtype=torch.bool, device=both.device)
        median = squares[apart].median().clamp(min=1e-12)
    kernel = torch.stack([torch.exp(-squares / (2 * w**2 * median)) for w in WIDTHS]).mean(dim=0)
    n = len(x)
    return kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()


def coral(x: Tensor, y: Tensor) -> Tensor:
    """Return the mean squared difference of means, plus that of covariances (appendix 7.2).

    Sun and Saenko, Deep CORAL, 2016, eq. 1, as a mean over entries, plus the term for means.

    Parameters
    ----------
    x, y : (n, h), (m, h)
        Embeddings.
    """
    return mse_loss(x.mean(dim=0), y.mean(dim=0)) + mse_loss(torch.cov(x.T), torch.cov(y.T))


def local_alignment(x: Tensor, y: Tensor, temperature: float) -> Tensor:
    """Return InfoNCE over the mutual nearest neighbours of two samples (appendix 7.2).

    A pair is mutual if each is the other's most similar profile by cosine; the loss asks to
    identify each among all profiles of the other sample. 0 without such a pair.

    Parameters
    ----------
    x, y : (n, h), (m, h)
        Embeddings.
    """
    cosine = normalize(x, dim=1) @ normalize(y, dim=1).T
    partner, back = cosine.argmax(dim=1), cosine.argmax(dim=0)
    rows = torch.arange(len(x), device=x.device)
    rows = rows[back[partner] == rows]
    columns = partner[rows]
    if not len(rows):
        return cosine.new_zeros(())
    logits = cosine / temperature
    return (cross_entropy(logits[rows], columns) + cross_entropy(logits.T[columns], rows)) / 2
