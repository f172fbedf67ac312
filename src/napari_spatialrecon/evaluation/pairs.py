"""Metrics over pairs of points: agreement of predicted and true distances."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial.distance import pdist

#: Shells of width R20 extend to this quantile of the true distances.
_SHELL_REACH = 0.95
#: Pairs processed at a time.
_CHUNK = 1 << 19
#: Distances with the same sign, exponent and 11 bits of mantissa (0.05%) share a rank: counting
#: replaces sorting of millions of pairs.
_SHIFT = 12
_BINS = 1 << (31 - _SHIFT)
#: Tolerance for rounding of distances that lie on a bound, as on a lattice.
_ROUNDING = 1e-7


def pair_distances(
    true: np.ndarray, predicted: np.ndarray, max_points: int, *, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return true and predicted distances of all pairs, or of a random sample of them.

    Parameters
    ----------
    true, predicted : (n, 2) float
        The same points in two layouts.
    max_points
        Up to this many points all pairs are used; above it, an equal number of random pairs.
    """
    n = len(true)
    if n <= max_points:
        return pdist(true), pdist(predicted)
    rng = np.random.default_rng([seed, 3])
    i = rng.integers(n, size=max_points * (max_points - 1) // 2, dtype=np.int32)
    j = (i + rng.integers(1, n, size=len(i), dtype=np.int32)) % n
    return _norms(true, i, j), _norms(predicted, i, j)


def _norms(points: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    x, y = np.ascontiguousarray(points.T)
    dx = x[i]
    dx -= x[j]
    dy = y[i]
    dy -= y[j]
    return np.hypot(dx, dy, out=dx)


def pair_metrics(d_true: np.ndarray, d_pred: np.ndarray, radius: float) -> dict[str, float]:
    """Return Spearman, Pearson, Stress-1, edge ROC-AUC, balanced AP and shell F1.

    Parameters
    ----------
    d_true, d_pred : (n_pairs,) float
        Distances of the same pairs.
    radius
        R20: pairs whose true distance is at most this are edges; also the width of the shells.

    Returns
    -------
    dict
        Also ``scale``, the factor on `d_pred` that minimises stress and is applied before
        Stress-1 and shell F1.
    """
    square = float(d_pred @ d_pred)
    cross = float(d_pred @ d_true)
    scale = cross / square if square > 0 else 0.0
    unexplained = 1 - scale * cross / float(d_true @ d_true)
    spearman, edge_auc, balanced = _rank_metrics(d_true, d_pred, radius)
    return {
        "spearman": spearman,
        "pearson": correlation(d_true, d_pred),
        "stress1": float(np.sqrt(max(unexplained, 0.0))),
        "edge_auc": edge_auc,
        "bap": balanced,
        "shell_f1": float(shell_f1(d_true, d_pred, scale, radius).mean()),
        "scale": scale,
    }


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Pearson's correlation of two vectors; 0 if one of them is constant."""
    n, mean_a, mean_b = len(a), float(a.mean()), float(b.mean())
    cross = float(a @ b) - n * mean_a * mean_b
    spread_a = float(a @ a) - n * mean_a**2
    spread_b = float(b @ b) - n * mean_b**2
    if spread_a <= 1e-12 * float(a @ a) or spread_b <= 1e-12 * float(b @ b):
        return 0.0
    return cross / float(np.sqrt(spread_a * spread_b))


def _chunks(length: int) -> Iterator[slice]:
    return (slice(start, start + _CHUNK) for start in range(0, length, _CHUNK))


def _bins(distances: np.ndarray) -> np.ndarray:
    """Return the bin of each distance: its leading bits, which increase with the number."""
    return distances.astype(np.float32).view(np.int32) >> _SHIFT


def _rank_metrics(
    d_true: np.ndarray, d_pred: np.ndarray, radius: float
) -> tuple[float, float, float]:
    """Return Spearman's correlation, ROC-AUC and balanced AP, with ties counted as ties."""
    in_true, in_pred, edges = (np.zeros(_BINS, np.int64) for _ in range(3))
    for part in _chunks(len(d_true)):
        bins = _bins(d_pred[part])
        edge = d_true[part] <= radius * (1 + _ROUNDING)
        in_true += np.bincount(_bins(d_true[part]), minlength=_BINS)
        in_pred += np.bincount(bins, minlength=_BINS)
        edges += np.bincount(bins[edge], minlength=_BINS)
    rank_true, rank_pred = _centred_ranks(in_true), _centred_ranks(in_pred)
    cross = sum(
        float(rank_true[_bins(d_true[part])] @ rank_pred[_bins(d_pred[part])])
        for part in _chunks(len(d_true))
    )
    spread = float((in_true @ rank_true**2) * (in_pred @ rank_pred**2))
    spearman = cross / float(np.sqrt(spread)) if spread > 0 else 0.0
    return spearman, *_edge_scores(edges, in_pred - edges)


def _centred_ranks(counts: np.ndarray) -> np.ndarray:
    """Return the mean rank of each bin's members, less the mean of all ranks."""
    return np.cumsum(counts) - counts / 2 - counts.sum() / 2


def _edge_scores(edges: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    """Return ROC-AUC and balanced AP from counts of edges and other pairs, nearest bin first."""
    n_edges, n_others = int(edges.sum()), int(others.sum())
    if not n_edges or not n_others:
        return 0.5, 0.5
    beyond = n_others - np.cumsum(others) + others / 2
    used = edges > 0
    recall = np.cumsum(edges)[used] / n_edges
    precision = recall / (recall + np.cumsum(others)[used] / n_others)
    auc = float(edges @ beyond) / (n_edges * n_others)
    return auc, float(np.diff(recall, prepend=0.0) @ precision)


def edge_roc(d_true: np.ndarray, d_pred: np.ndarray, radius: float) -> np.ndarray:
    """Return the ROC curve of predicted distances for true edges.

    Returns
    -------
    (n, 2) float
        Share of the other pairs and share of the edges that are nearer than each distance.
    """
    edges, others = np.zeros(_BINS, np.int64), np.zeros(_BINS, np.int64)
    for part in _chunks(len(d_true)):
        bins, edge = _bins(d_pred[part]), d_true[part] <= radius * (1 + _ROUNDING)
        edges += np.bincount(bins[edge], minlength=_BINS)
        others += np.bincount(bins[~edge], minlength=_BINS)
    used = edges + others > 0
    sums = np.cumsum(np.stack([others[used], edges[used]], axis=1), axis=0)
    return np.concatenate([[[0.0, 0.0]], sums / np.maximum(sums[-1:], 1)])


def shell_f1(d_true: np.ndarray, d_pred: np.ndarray, scale: float, width: float) -> np.ndarray:
    """Return the F1 of each shell ``((s - 1) width, s width]`` of the true distances."""
    if not width > 0:
        return np.zeros(1)
    last = int(np.ceil(np.quantile(d_true, _SHELL_REACH) / width)) + 1
    both, either = np.zeros(last + 1, np.int64), np.zeros(last + 1, np.int64)
    for part in _chunks(len(d_true)):
        in_true = _shell(d_true[part] / width, last)
        in_pred = _shell(d_pred[part] * (scale / width), last)
        both += np.bincount(in_true[in_true == in_pred], minlength=last + 1)
        either += np.bincount(in_true, minlength=last + 1)
        either += np.bincount(in_pred, minlength=last + 1)
    return np.asarray((2 * both / np.maximum(either, 1))[1:last])


def _shell(distances: np.ndarray, last: int) -> np.ndarray:
    """Return the shell of each distance in widths: 0 for distance 0, `last` for all beyond."""
    return np.ceil(distances * (1 - _ROUNDING)).clip(0, last).astype(np.int32)
