"""Curves behind the metrics of a placement: by distance, by neighbourhood, and the ROC of edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.evaluation.neighbourhoods import compare_neighbourhoods, local_curves
from napari_spatialrecon.evaluation.pairs import edge_roc, pair_distances, pair_metrics, shell_f1
from napari_spatialrecon.geometry.gram import canonical

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PlaceCurves:
    """Curves of a layout beside the truth, both centred and scaled to RMS radius 1.

    Parameters
    ----------
    distances : (n_pairs, 2) float
        True distances, and predicted ones under the scale that fits best.
    shell, shell_f1 : (n_shells,) float
        Outer radius of each shell, and its F1.
    neighbours : (n,) int
        Numbers of neighbours of `cal_err` and `lrmse`.
    roc : (n, 2) float
        Shares of other pairs and of true neighbours that are nearer than each predicted distance.
    """

    distances: Array
    shell: Array
    shell_f1: Array
    neighbours: NDArray[np.int64]
    cal_err: Array
    lrmse: Array
    roc: Array


def place_curves(
    true: np.ndarray, predicted: np.ndarray, *, k: int = 20, seed: int = 0, most: int = 2000
) -> PlaceCurves:
    """Return the curves of at most so many points, drawn at random.

    Parameters
    ----------
    true, predicted : (n, 2) float
        Positions of the same cells in the same order, each in any frame and unit.
    k
        Pairs up to the median distance of the k-th neighbour are edges; also the width of a shell.
    """
    some = np.random.default_rng([seed, 6]).permutation(len(true))[:most]
    flat = bool(np.ptp(predicted[some], axis=0).max() == 0)
    t = canonical(np.asarray(true, float)[some])
    p = np.zeros_like(t) if flat else canonical(np.asarray(predicted, float)[some])
    k = max(1, min(k, (len(t) - 1) // 2))
    near = compare_neighbourhoods(t, p, np.arange(len(t)), k, seed=seed)
    radius = float(np.median(near.true_radius[:, k - 1]))
    d_true, d_pred = pair_distances(t, p, most, seed=seed)
    scale = pair_metrics(d_true, d_pred, radius)["scale"]
    shells, local = shell_f1(d_true, d_pred, scale, radius), local_curves(near, scale)
    return PlaceCurves(
        np.stack([d_true, scale * d_pred], axis=1),
        np.asarray(radius * np.arange(1, len(shells) + 1), float),
        shells,
        local["k"],
        local["cal_err"],
        local["lrmse"],
        edge_roc(d_true, d_pred, radius),
    )
