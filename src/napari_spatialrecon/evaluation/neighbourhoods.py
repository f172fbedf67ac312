"""Neighbourhood metrics, computed over blocks of rows of the distance matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

#: Distances closer than this (in RMS radii of the layout) count as tied.
_TIE = 1e-9
#: Distances in memory at a time: 16 MB.
_BLOCK_VALUES = 2_000_000
#: Neighbourhood sizes of the multiscale local RMSE in GEARS, appendix 7.1.
_LOCAL_SIZES = (10, 20, 50, 100)


@dataclass(frozen=True)
class Neighbourhoods:
    """Comparison of the rows of two distance matrices.

    Parameters
    ----------
    true_rank : (rows, k) int
        Rank, by true distance, of each point's k nearest in the prediction; 1 is nearest.
    predicted_rank : (rows, k) int
        Rank, by predicted distance, of each point's k truly nearest.
    true_radius : (rows, kmax) float
        True distances to the 1st, 2nd, ... truly nearest point.
    same_pairs : (rows, kmax) float
        Predicted distances of the same pairs.
    predicted_radius : (rows, k) float
        Distances to the nearest points of the prediction.
    """

    true_rank: np.ndarray
    predicted_rank: np.ndarray
    true_radius: np.ndarray
    same_pairs: np.ndarray
    predicted_radius: np.ndarray


def compare_neighbourhoods(
    true: np.ndarray, predicted: np.ndarray, rows: np.ndarray, k: int, *, seed: int
) -> Neighbourhoods:
    """Return ranks and distances of the `k` nearest neighbours of each of `rows` in both layouts.

    Ties are broken by a random order of the pairs, the same in both layouts: a perfect layout of a
    lattice scores 1, and cells assigned to the same spot are ordered at random.

    Parameters
    ----------
    true, predicted : (n, 2) float
        Canonical layouts (centred, RMS radius 1) of the same points.
    rows : (m,) int
        Points whose neighbourhoods are compared.
    k
        Number of neighbours, below n.
    seed
        Seed of the order of ties.
    """
    n, rng = len(true), np.random.default_rng([seed, 1])
    kmax = min(max(k, *_LOCAL_SIZES), n - 1)
    parts = []
    for block in np.array_split(rows, max(1, len(rows) * n // _BLOCK_VALUES)):
        noise = _TIE * rng.random((len(block), n))
        d_true, d_pred = (_distances(points, block, noise) for points in (true, predicted))
        order_true, rank_true = _order(d_true)
        order_pred, rank_pred = _order(d_pred)
        nearest_true, nearest_pred = order_true[:, 1 : k + 1], order_pred[:, 1 : k + 1]
        near = order_true[:, 1 : kmax + 1]
        parts.append(
            (
                np.take_along_axis(rank_true, nearest_pred, 1),
                np.take_along_axis(rank_pred, nearest_true, 1),
                np.take_along_axis(d_true, near, 1),
                np.take_along_axis(d_pred, near, 1),
                np.take_along_axis(d_pred, nearest_pred, 1),
            )
        )
    return Neighbourhoods(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _distances(points: np.ndarray, rows: np.ndarray, noise: np.ndarray) -> np.ndarray:
    distances = cdist(points[rows], points) + noise
    distances[np.arange(len(rows)), rows] = -1
    return distances


def _order(distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the points of each row, itself first and then the nearest, and the rank of each."""
    order = np.argsort(distances, axis=1)
    rank = np.empty(order.shape, np.int32)
    np.put_along_axis(rank, order, np.arange(order.shape[1], dtype=np.int32)[None], 1)
    return order, rank


def neighbourhood_metrics(found: Neighbourhoods, scale: float, n: int, k: int) -> dict[str, float]:
    """Return trustworthiness, continuity, recall, CalErr, LRMSE and W1 (GEARS, appendix 7.1).

    Parameters
    ----------
    found
        Comparison of canonical layouts of `n` points with `k` neighbours.
    scale
        Factor on predicted distances.
    """
    norm = 2 / (k * (2 * n - 3 * k - 1))
    radius = found.true_radius[:, k - 1]
    r_k = float(np.median(radius))
    apart = radius > 10 * _TIE
    error = np.abs(scale * found.same_pairs[apart, k - 1] / radius[apart] - 1)
    near_true = np.sort(found.true_radius[:, :k], axis=None)
    near_pred = scale * np.sort(found.predicted_radius, axis=None)
    w1 = float(np.abs(near_true - near_pred).mean())
    result = {
        f"trust{k}": 1 - norm * float(np.clip(found.true_rank - k, 0, None).sum(1).mean()),
        f"cont{k}": 1 - norm * float(np.clip(found.predicted_rank - k, 0, None).sum(1).mean()),
        f"knn_recall{k}": float((found.true_rank <= k).mean()),
        f"cal_err{k}": float(error.mean()) if len(error) else 0.0,
        "w1_knn": w1,
        f"w1_knn_r{k}": w1 / max(r_k, _TIE),
    }
    gaps = (scale * found.same_pairs - found.true_radius) ** 2
    for size in (s for s in _LOCAL_SIZES if s <= gaps.shape[1]):
        unit = max(float(np.median(found.true_radius[:, size - 1])), _TIE)
        result[f"lrmse{size}"] = float(np.sqrt(gaps[:, :size].mean())) / unit
    return result


def local_curves(found: Neighbourhoods, scale: float) -> dict[str, np.ndarray]:
    """Return CalErr and LRMSE for each number of neighbours.

    Returns
    -------
    dict
        ``k``, ``cal_err`` (mean relative error of the distance to the k-th neighbour) and ``lrmse``
        (RMSE of the distances to the first k, in medians of the k-th).
    """
    radius, pairs = found.true_radius, scale * found.same_pairs
    apart = radius > 10 * _TIE
    error = np.where(apart, np.abs(pairs / np.where(apart, radius, 1.0) - 1), 0.0)
    size = np.arange(1, radius.shape[1] + 1)
    squares = np.cumsum(((pairs - radius) ** 2).mean(axis=0)) / size
    unit = np.maximum(np.median(radius, axis=0), _TIE)
    return {
        "k": size,
        "cal_err": error.sum(axis=0) / np.maximum(apart.sum(axis=0), 1),
        "lrmse": np.sqrt(squares) / unit,
    }
