"""Expression on the decoder's scale (section 3.1), and the number of cells in each spot."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import setting
from napari_spatialrecon.tissue.contract import Prepared

#: Total to which sequenced counts are scaled.
DEPTH = 1e4


def scaled_logs(counts: sparse.csr_matrix) -> Tensor:
    """Return log1p of counts with rows scaled to 10,000, scaled to [0, 1] per gene: float32.

    Parameters
    ----------
    counts : (n, n_genes) of 0 or more
        Counts or their shares.
    """
    totals = np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel()
    factors = np.divide(DEPTH, totals, out=np.zeros_like(totals), where=totals > 0)
    return unit_interval((sparse.diags(factors) @ counts).log1p().toarray())


def unit_interval(values: NDArray[np.floating]) -> Tensor:
    """Return columns scaled to [0, 1]; constant columns become 0.

    Parameters
    ----------
    values : (n, n_genes) float
        Logarithms, or imaging intensities.
    """
    low, high = values.min(axis=0), values.max(axis=0)
    scaled = (values - low) / np.where(high > low, high - low, 1.0)
    return torch.from_numpy(scaled.astype(np.float32))


def cell_counts(slide: Prepared, column: str) -> NDArray[np.float32]:
    """Return the number of cells in each spot, (n_spots,), from a column of ``obs``.

    Raises
    ------
    InputError
        The column does not exist, or does not hold numbers of at least 0.
    """
    obs = slide.adata.obs
    if column not in obs:
        raise InputError(
            f"Expected a column {column!r} with the cells of each spot, found columns "
            f"{', '.join(map(str, obs.columns[:12])) or 'none'}.",
            remedy=f"Try {setting('cell_counts')} with one of them, or without it.",
            where=f"{slide.name}: obs",
        )
    values = pd.to_numeric(obs[column], errors="coerce").to_numpy(np.float32)
    if not np.isfinite(values).all() or (values < 0).any() or not values.any():
        raise InputError(
            f"Expected numbers of cells in {column!r}, found others.",
            remedy="Try 0 or more in every spot.",
            where=f"{slide.name}: obs[{column!r}]",
        )
    return values
