"""Pose-invariant metrics of predicted positions: GEARS, appendix 7.1."""

from __future__ import annotations

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.neighbourhoods import (
    compare_neighbourhoods,
    neighbourhood_metrics,
)
from napari_spatialrecon.evaluation.pairs import correlation, pair_distances, pair_metrics
from napari_spatialrecon.evaluation.sliced_wasserstein import (
    sliced_wasserstein,
    smallest_sliced_wasserstein,
)
from napari_spatialrecon.geometry.gram import canonical
from napari_spatialrecon.geometry.procrustes import procrustes_error

#: An outlier is further from the median centre than this many median distances ...
_RUNAWAY = 5.0
#: ... unless more than this share is: then they are part of the layout.
_MOST_RUNAWAYS = 0.05
#: Minimum number of rows of the distance matrix used for neighbourhood metrics.
_LEAST_ROWS = 250


def place_metrics(
    true: np.ndarray,
    predicted: np.ndarray,
    *,
    k: int = 20,
    seed: int = 0,
    max_points: int = 5000,
) -> dict[str, float]:
    """Return all metrics of GEARS, appendix 7.1, and more; none depends on the pose.

    Both layouts are centred and scaled to RMS radius 1 first. Predicted distances are then
    multiplied by the one factor that minimises stress, before Stress-1, shell F1, CalErr, LRMSE and
    W1. Up to `max_points` points all pairs count; above it, `max_points²/2` random pairs do,
    neighbourhoods are those of random points among all, and SWD uses `max_points` random points.

    Parameters
    ----------
    true, predicted : (n, 2) float
        Positions of the same cells in the same order, each in any frame and unit.
    k
        Number of neighbours; fewer if there are less than `2k + 1` points.
    seed
        Seed of sampling, projections and the order of ties.
    max_points
        Limits time and memory.

    Returns
    -------
    dict
        Higher is better: ``spearman``, ``pearson`` and ``pearson_without_outliers`` of the
        distances, ``edge_auc``, ``bap``, ``shell_f1``, ``trust20``, ``cont20``, ``knn_recall20``.
        Lower is better: ``stress1``, ``cal_err20``, ``lrmse10`` (20, 50, 100), ``procrustes``,
        ``swd`` (after Procrustes), ``swd_min`` (smallest over rotation and reflection; ignores
        which cell is where), ``w1_knn`` in RMS radii of the tissue and ``w1_knn_r20`` in units of
        R20. For information: ``outliers`` (share of outlying points), ``scale`` (true units per
        predicted unit), ``r20`` (median distance to the 20th neighbour, true unit), ``k``,
        ``points``, ``pairs``.

    Raises
    ------
    InputError
        Shapes differ, there are fewer than 4 points, a number is not finite, or all true positions
        coincide. Predictions that all coincide are scored as such: 0, chance or 1.
    """
    true, predicted = _layout(true, "true"), _layout(predicted, "predicted")
    if len(true) != len(predicted):
        raise InputError(
            f"Expected as many predicted as true cells, found {len(predicted)} and {len(true)}.",
            remedy="Try only the cells present in both, in the same order.",
        )
    n, k = len(true), max(1, min(k, (len(true) - 1) // 2))
    collapsed = bool((predicted == predicted[0]).all())
    t = canonical(true)
    p = np.zeros_like(t) if collapsed else canonical(predicted)

    rows = _sample_rows(n, max_points, seed)
    near = compare_neighbourhoods(t, p, rows, k, seed=seed)
    r_k = float(np.median(near.true_radius[:, k - 1]))
    outlying = runaways(p)
    distances = pair_distances(t, p, max_points, seed=seed)
    result, pairs = pair_metrics(*distances, r_k), len(distances[0])
    scale = result.pop("scale")
    del distances
    result["pearson_without_outliers"] = result["pearson"]
    if outlying.any():
        kept = pair_distances(t[~outlying], p[~outlying], max_points, seed=seed)
        result["pearson_without_outliers"] = correlation(*kept)
    result.update(neighbourhood_metrics(near, scale, n, k))
    some = np.random.default_rng([seed, 4]).permutation(n)[:max_points]
    result["swd"] = sliced_wasserstein(t[some], _aligned(p, t)[some], seed=seed)
    result["swd_min"] = min(result["swd"], smallest_sliced_wasserstein(t[some], p[some]))
    result["procrustes"] = 1.0 if collapsed else procrustes_error(true, predicted)
    size_true, size_pred = _rms_radius(true), _rms_radius(predicted)
    return {
        **result,
        "outliers": float(outlying.mean()),
        "scale": 0.0 if collapsed else scale * size_true / size_pred,
        f"r{k}": r_k * size_true,
        "k": float(k),
        "points": float(len(rows)),
        "pairs": float(pairs),
    }


def runaways(points: np.ndarray) -> np.ndarray:
    """Return which points, (n,) bool, are far outliers of a layout, (n, 2).

    Outliers are further from the median centre than 5 times the median distance; if more than 5%
    of the points are, they are part of the layout and none is an outlier.
    """
    distance = np.linalg.norm(points - np.median(points, axis=0), axis=1)
    far = distance > _RUNAWAY * np.median(distance)
    return far if far.mean() <= _MOST_RUNAWAYS else np.zeros(len(points), bool)


def _layout(points: np.ndarray, name: str) -> np.ndarray:
    points = np.asarray(points, float)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 4:
        raise InputError(
            f"Expected {name} positions of shape (n, 2) of at least 4 cells, found {points.shape}."
        )
    bad = int((~np.isfinite(points).all(axis=1)).sum())
    if bad:
        raise InputError(
            f"Expected finite {name} positions, found {bad} of {len(points)} cells without one.",
            remedy="Try only the placed cells, and report how many were not placed.",
        )
    return points


def _rms_radius(points: np.ndarray) -> float:
    return float(np.sqrt(points.var(axis=0).sum()))


def _sample_rows(n: int, max_points: int, seed: int) -> np.ndarray:
    if n <= max_points:
        return np.arange(n)
    count = min(n, max(_LEAST_ROWS, max_points**2 // n))
    return np.sort(np.random.default_rng([seed, 2]).choice(n, count, replace=False))


def _aligned(p: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return `p` rotated, and reflected if that is better, onto `t`; both are centred."""
    u, _, vt = np.linalg.svd(p.T @ t)
    return p @ (u @ vt)
