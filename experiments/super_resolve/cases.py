"""Correlation of splits with the truth, and the most that noise permits."""

from __future__ import annotations

import numpy as np

from napari_spatialrecon.comparison.cases.splits import SuperCase


def poisson_ceiling(case: SuperCase, seed: int = 0) -> dict[str, float]:
    """Return the mean over genes of what noise alone leaves of the correlation with the truth.

    ``redrawn``: the truth with Poisson counts drawn around itself; ``two_draws``: two such draws;
    ``known_rates``: the truth with the rates behind it, were its counts Poisson
    (the square root of 1 - mean / variance).
    """
    rng = np.random.default_rng(seed)
    true = case.truth.X.toarray().astype(float)
    first, second = rng.poisson(true), rng.poisson(true)
    mean, variance = true.mean(axis=0), true.var(axis=0)
    seen = variance > 0
    known = np.sqrt(np.maximum(1 - mean[seen] / variance[seen], 0))
    return {
        "redrawn": float(column_correlation(true[:, seen], first[:, seen]).mean()),
        "two_draws": float(column_correlation(first[:, seen], second[:, seen]).mean()),
        "known_rates": float(known.mean()),
    }


def column_correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation of columns; 0 where one is constant."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    scale = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    return np.divide((a * b).sum(axis=0), scale, out=np.zeros(a.shape[1]), where=scale > 0)
