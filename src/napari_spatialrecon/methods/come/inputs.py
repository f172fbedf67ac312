"""Expression on the scale that the decoder predicts (section 3.1 of the paper)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

#: Total that sequenced counts are scaled to.
DEPTH = 1e4


def scaled_logs(counts: sparse.csr_matrix) -> Tensor:
    """Return log1p of counts with rows scaled to 10,000, to [0, 1] per gene: float32.

    Parameters
    ----------
    counts : (n, n_genes) of 0 or more
        Counts, or shares of them.
    """
    totals = np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel()
    factors = np.divide(DEPTH, totals, out=np.zeros_like(totals), where=totals > 0)
    return unit_interval((sparse.diags(factors) @ counts).log1p().toarray())


def unit_interval(values: NDArray[np.floating]) -> Tensor:
    """Return columns scaled to [0, 1]; constant ones become 0.

    Parameters
    ----------
    values : (n, n_genes) float
        Logarithms, or intensities of imaging.
    """
    low, high = values.min(axis=0), values.max(axis=0)
    scaled = (values - low) / np.where(high > low, high - low, 1.0)
    return torch.from_numpy(scaled.astype(np.float32))
