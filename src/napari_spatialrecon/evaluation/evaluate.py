"""Evaluation of a placement against the truth, as two tables of the same cells."""

from __future__ import annotations

from typing import Any

import numpy as np
from anndata import AnnData

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.calibration import stated_metrics, uncertainty_metrics
from napari_spatialrecon.evaluation.place_metrics import place_metrics
from napari_spatialrecon.evaluation.spatial_statistics import spatial_statistics
from napari_spatialrecon.geometry.procrustes import fit_pose, procrustes_error
from napari_spatialrecon.tissue.contract import counts, um_per_unit, unit
from napari_spatialrecon.tissue.sdata.inputs import Table, takes_spatialdata
from napari_spatialrecon.tissue.slots import EXPECTED, GEOMETRY, LAYOUT, SPATIAL, UNCERTAINTY

#: Slots of positions, in order of preference: an intrinsic geometry, else posed coordinates.
_SLOTS = (GEOMETRY, SPATIAL, LAYOUT)
#: Procrustes error up to which two layouts count as the same layout in two poses.
_SAME = 1e-9
#: Share of posed cells that must lie in the tissue's bounding box, widened by a quarter on each
#: side, for the two frames to count as the same.
_INSIDE, _MARGIN = 0.9, 0.25
#: Minimum number of cells for metrics, and for calibration.
_LEAST, _LEAST_CALIBRATION = 4, 10


@takes_spatialdata
def evaluate_place(
    truth: Table,
    prediction: Table,
    *,
    same_frame: bool | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Return how well `prediction` places the cells of `truth`; cells are matched by name.

    Parameters
    ----------
    truth
        ``obsm["spatial"]`` holds the true positions.
    prediction
        ``obsm["X_geometry"]`` (evaluated if present) or ``obsm["X_layout"]`` holds a layout without
        pose, ``obsm["spatial"]`` posed coordinates; at least one is required. Rows that are not
        finite are cells that were not placed.
    same_frame
        Whether posed and true coordinates share frame and unit. If None, they do if their units
        agree and 90% of the cells lie in or near the tissue.
    seed
        Seed of sampling and ties.

    Returns
    -------
    dict
        Ready for JSON: ``cells`` (``compared``, ``missing`` from the prediction, ``unplaced`` in
        it, ``without_truth``); evaluated ``slot``; its ``metrics`` (see `place_metrics`); ``error``
        after the best similarity pose: ``mean``, ``median``, ``p90``, ``unit``; ``others``, the
        metrics of each other slot whose layout differs; ``posed_error``, the same summary without
        refitting the pose, if the frames are the same. With ``obs["placement_uncertainty"]``,
        ``uncertainty`` (see `uncertainty_metrics`). With ``obs["expected_error"]`` too, ``stated``
        (see `stated_metrics`) and its ``unit``: µm where both tables say how many, else that of
        both. With counts in the truth, ``patterns`` (see `spatial_statistics`).

    Raises
    ------
    InputError
        A slot is missing, names are not unique, or fewer than 4 placed cells are common.

    Examples
    --------
    >>> import numpy as np
    >>> from anndata import AnnData
    >>> grid = np.indices((3, 3)).reshape(2, 9).T * 100.0
    >>> truth = AnnData(np.ones((9, 1)), obsm={"spatial": grid})
    >>> turned = AnnData(truth.X, obsm={"spatial": grid[:, ::-1] + 50})
    >>> round(evaluate_place(truth, turned)["metrics"]["spearman"], 3)  # any pose is right
    1.0
    """
    found = _layouts(prediction)
    true_rows, rows, cells = _match(truth, prediction, found)
    true = _points(truth, SPATIAL, "truth")[true_rows]
    slot = next(iter(found))
    layout = found[slot][rows]
    aligned = _errors_after_pose(true, layout)
    report: dict[str, Any] = {
        "cells": cells,
        "slot": slot,
        "metrics": place_metrics(true, layout, seed=seed),
        "error": _summary(aligned, truth),
        "others": {
            other: place_metrics(true, points[rows], seed=seed)
            for other, points in found.items()
            if not _same_layout(points[rows], layout)
        },
    }
    errors = aligned
    if SPATIAL in found:
        posed = found[SPATIAL][rows]
        if same_frame is None:
            same_frame = _share_frame(true, posed) and unit(truth) == unit(prediction)
        if same_frame:
            errors = np.linalg.norm(true - posed, axis=1)
            report["posed_error"] = _summary(errors, truth)
    if UNCERTAINTY in prediction.obs:
        stated = prediction.obs[UNCERTAINTY].to_numpy(float)[rows]
        known = np.isfinite(stated)
        if known.sum() >= _LEAST_CALIBRATION:
            report["uncertainty"] = uncertainty_metrics(errors[known], stated[known], seed=seed)
    if stated := _stated(truth, prediction, rows, errors):
        report["stated"] = stated
    if truth.n_vars > 1 and truth.X is not None:
        report["patterns"] = spatial_statistics(counts(truth)[true_rows], true, layout)
    return report


def _stated(
    truth: AnnData, prediction: AnnData, rows: np.ndarray, errors: np.ndarray
) -> dict[str, Any]:
    """Return expected errors beside those found, in one unit; empty where there is none."""
    if EXPECTED not in prediction.obs or UNCERTAINTY not in prediction.obs:
        return {}
    own, true = um_per_unit(prediction), um_per_unit(truth)
    if own is None or true is None:
        if unit(prediction) != unit(truth):
            return {}
        own, true, name = 1.0, 1.0, unit(truth)
    else:
        name = "um"
    stated = (prediction.obs[c].to_numpy(float)[rows] * own for c in (EXPECTED, UNCERTAINTY))
    found: dict[str, Any] = {**stated_metrics(errors * true, *stated)}
    return found and {**found, "unit": name}


def _layouts(prediction: AnnData) -> dict[str, np.ndarray]:
    slots = [slot for slot in _SLOTS if slot in prediction.obsm]
    if not slots:
        raise InputError(
            f"Expected placed cells, found slots: {', '.join(prediction.obsm) or 'none'}.",
            remedy='Try a file that "spatialrecon place" wrote.',
            where="prediction: obsm",
        )
    return {slot: _points(prediction, slot, "prediction") for slot in slots}


def _points(adata: AnnData, slot: str, name: str) -> np.ndarray:
    where = f'{name}: obsm["{slot}"]'
    if slot not in adata.obsm:
        raise InputError(
            f"Expected positions, found slots: {', '.join(adata.obsm) or 'none'}.", where=where
        )
    points = np.asarray(adata.obsm[slot], float)
    if points.ndim != 2 or points.shape[1] < 2:
        raise InputError(f"Expected shape (n, 2), found {points.shape}.", where=where)
    return points[:, :2]


def _match(
    truth: AnnData, prediction: AnnData, layouts: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    """Return the rows of cells placed in both tables, and the numbers of other cells."""
    for name, adata in (("truth", truth), ("prediction", prediction)):
        if not adata.obs_names.is_unique:
            raise InputError(
                "Expected unique cell names, found some more than once.",
                remedy="Try adata.obs_names_make_unique() before placing.",
                where=f"{name}: obs_names",
            )
    rows = prediction.obs_names.get_indexer(truth.obs_names)
    known = np.isfinite(_points(truth, SPATIAL, "truth")).all(axis=1)
    placed = np.logical_and.reduce([np.isfinite(p).all(axis=1) for p in layouts.values()])
    present = rows >= 0
    compared = present & known
    compared[present] &= placed[rows[present]]
    if compared.sum() < _LEAST:
        example = "" if not len(prediction) else f"; the first is {prediction.obs_names[0]!r}"
        raise InputError(
            f"Expected at least {_LEAST} placed cells that are in the truth, found "
            f"{int(compared.sum())} of {prediction.n_obs}{example}.",
            remedy="Try the table from which the query was made; cell names must match.",
            where="prediction: obs_names",
        )
    cells = {
        "compared": int(compared.sum()),
        "missing": int((~present).sum()),
        "unplaced": int((~placed).sum()),
        "without_truth": int(prediction.n_obs - (present & known).sum()),
    }
    return np.flatnonzero(compared), rows[compared], cells


def _same_layout(a: np.ndarray, b: np.ndarray) -> bool:
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return np.ptp(a) == np.ptp(b)
    return procrustes_error(a, b) < _SAME


def _errors_after_pose(true: np.ndarray, layout: np.ndarray) -> np.ndarray:
    """Return each cell's error, in the truth's unit, after the best similarity pose."""
    try:
        fitted = fit_pose(layout, true).apply(layout)
    except InputError:  # a layout on a point or a line has no pose; the centre is the best estimate
        fitted = np.broadcast_to(true.mean(axis=0), true.shape)
    return np.asarray(np.linalg.norm(true - fitted, axis=1))


def _share_frame(true: np.ndarray, posed: np.ndarray) -> bool:
    low, high = true.min(axis=0), true.max(axis=0)
    margin = _MARGIN * (high - low)
    inside = ((posed >= low - margin) & (posed <= high + margin)).all(axis=1)
    return bool(inside.mean() >= _INSIDE)


def _summary(errors: np.ndarray, truth: AnnData) -> dict[str, float | str]:
    factor = um_per_unit(truth)
    errors = errors * (factor or 1.0)
    return {
        "mean": float(errors.mean()),
        "median": float(np.median(errors)),
        "p90": float(np.quantile(errors, 0.9)),
        "unit": "um" if factor else unit(truth),
    }
