"""Spatial autocorrelation of genes over a layout, compared with the truth."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.stats import spearmanr

from napari_spatialrecon.geometry.autocorrelation import gearys_c, morans_i

#: Neighbours per cell (section 5 of the dp-VAE paper), and maximum number of genes.
NEIGHBOURS, MOST_GENES = 5, 200


def spatial_statistics(
    counts: sparse.csr_matrix, true: np.ndarray, predicted: np.ndarray, k: int = NEIGHBOURS
) -> dict[str, float]:
    """Return Moran's I and Geary's C of genes over true and predicted positions.

    Parameters
    ----------
    counts : (n_cells, n_genes)
        Raw counts; the 200 most variable genes after log-normalisation are used.
    true, predicted : (n_cells, 2) float
        Positions of the same cells.
    k
        Number of neighbours per cell.

    Returns
    -------
    dict
        ``moran_true``, ``moran_predicted``, ``geary_true``, ``geary_predicted``: medians over the
        genes; ``moran_agreement``: Spearman correlation over genes of true and predicted Moran's I;
        ``genes`` compared. Crowded layouts look more patterned than the tissue: compare with the
        truth, not with other layouts.
    """
    totals = np.maximum(np.asarray(counts.sum(axis=1)).ravel(), 1)
    logs = sparse.csr_matrix(sparse.diags(np.median(totals) / totals) @ counts)
    logs.data = np.log1p(logs.data)
    mean = np.asarray(logs.mean(axis=0)).ravel()
    variance = np.asarray(logs.multiply(logs).mean(axis=0)).ravel() - mean**2
    genes = np.argsort(-variance, kind="stable")[:MOST_GENES]
    values = logs[:, genes].toarray()
    found = {
        f"{name}_{which}": statistic(values, places, k=min(k, len(places) - 1))
        for which, places in (("true", true), ("predicted", predicted))
        for name, statistic in (("moran", morans_i), ("geary", gearys_c))
    }
    medians = {name: float(np.median(value)) for name, value in found.items()}
    agreement = float(spearmanr(found["moran_true"], found["moran_predicted"]).statistic)
    return {**medians, "moran_agreement": agreement, "genes": float(len(genes))}
