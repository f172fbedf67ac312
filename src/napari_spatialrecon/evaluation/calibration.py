"""Calibration: how well the uncertainty predicts the error of a position."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from napari_spatialrecon.errors import InputError


def uncertainty_metrics(
    errors: np.ndarray, uncertainty: np.ndarray, *, seed: int = 0
) -> dict[str, float]:
    """Return how well `uncertainty` predicts `errors`.

    Parameters
    ----------
    errors : (n,) float
        Distance of each placed cell from its true position.
    uncertainty : (n,) float
        Uncertainty of each cell, in the same unit.
    seed
        Seed of the order of cells with equal uncertainty.

    Returns
    -------
    dict
        ``decile_ratio``: mean error of the most uncertain tenth over that of the most certain (1 is
        uninformative, higher is better). ``within_2_sigma``: share of cells whose error is at most
        twice their uncertainty. ``spearman``: of error and uncertainty; 0 if one of them is
        constant. ``cells``: their number.

    Raises
    ------
    InputError
        Lengths differ, there are fewer than 10 cells, or a number is negative or not finite.
    """
    errors, uncertainty = np.asarray(errors, float), np.asarray(uncertainty, float)
    if errors.shape != uncertainty.shape or errors.ndim != 1 or len(errors) < 10:
        raise InputError(
            "Expected one error and one uncertainty for each of at least 10 cells, "
            f"found shapes {errors.shape} and {uncertainty.shape}."
        )
    for name, values in (("errors", errors), ("uncertainties", uncertainty)):
        bad = int((~(np.isfinite(values) & (values >= 0))).sum())
        if bad:
            raise InputError(
                f"Expected {name} that are finite and not negative, found {bad} that are not."
            )
    shuffled = np.random.default_rng([seed, 5]).permutation(len(errors))
    order = shuffled[np.argsort(uncertainty[shuffled], kind="stable")]
    tenth = len(errors) // 10
    certain, uncertain = errors[order[:tenth]].mean(), errors[order[-tenth:]].mean()
    least = np.finfo(float).tiny
    constant = np.ptp(errors) == 0 or np.ptp(uncertainty) == 0
    ranks = rankdata(errors), rankdata(uncertainty)
    return {
        "decile_ratio": float(min(uncertain / max(certain, least), 1e6)) if uncertain else 1.0,
        "within_2_sigma": float((errors <= 2 * uncertainty).mean()),
        "spearman": 0.0 if constant else float(np.corrcoef(*ranks)[0, 1]),
        "cells": float(len(errors)),
    }
