"""Similarity of two matrices."""

from __future__ import annotations

import torch
from torch import Tensor

#: a1 and a2 of COME, eq. 6.
MEAN_CONSTANT, SPREAD_CONSTANT = 0.01, 0.03


def structural_dissimilarity(measured: Tensor, mapped: Tensor) -> Tensor:
    """Return 1 − Sim(X_st, X̃_st) with moments over the whole matrix (COME, eq. 6-7).

    Parameters
    ----------
    measured, mapped : (n_spots, n_genes)
    """
    largest = torch.maximum(measured.max(), mapped.max())
    z1, z2 = MEAN_CONSTANT * largest, SPREAD_CONSTANT * largest
    m, n = measured.mean(), mapped.mean()
    covariance = ((measured - m) * (mapped - n)).mean()
    spread = ((measured - m) ** 2).mean() + ((mapped - n) ** 2).mean()
    similarity = (2 * m * n + z1) * (2 * covariance + z2) / ((m**2 + n**2 + z1) * (spread + z2))
    return 1 - similarity
