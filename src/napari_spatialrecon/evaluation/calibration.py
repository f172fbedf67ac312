"""Calibration: how well the uncertainty predicts the error of a position."""

from __future__ import annotations

from collections.abc import Mapping

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


def stated_metrics(
    errors: np.ndarray, expected: np.ndarray, radius: np.ndarray
) -> dict[str, float]:
    """Return what was stated of errors beside what they are.

    Parameters
    ----------
    errors : (n,) float
        Distance of each placed cell from its true position.
    expected, radius : (n,) float
        Expected error and 90% radius of each cell, in the same unit; NaN of cells without one.

    Returns
    -------
    dict
        ``expected_median`` and ``found_median``; ``ratio`` of the former to the latter, 1 if the
        expected errors are right; ``within_expected`` and ``within_radius``, the share of cells
        that lie within them (.5 and .9 should); ``cells``, their number. Empty without any.

    Examples
    --------
    >>> errors = np.arange(1.0, 11)
    >>> found = stated_metrics(errors, np.full(10, 5.5), np.full(10, 9.0))
    >>> found["ratio"], found["within_expected"], found["within_radius"]
    (1.0, 0.5, 0.9)
    """
    known = np.isfinite(errors) & np.isfinite(expected) & np.isfinite(radius)
    if not known.any():
        return {}
    errors, expected, radius = errors[known], expected[known], radius[known]
    stated, found = float(np.median(expected)), float(np.median(errors))
    return {
        "expected_median": stated,
        "found_median": found,
        "ratio": stated / max(found, float(np.finfo(float).tiny)),
        "within_expected": float((errors <= expected).mean()),
        "within_radius": float((errors <= radius).mean()),
        "cells": float(len(errors)),
    }


def stated_sentence(found: Mapping[str, float], unit: str) -> str:
    """Return what `stated_metrics` found, in a sentence.

    Examples
    --------
    >>> found = {"expected_median": 428.0, "found_median": 417.0, "ratio": 1.026}
    >>> stated_sentence({**found, "within_radius": 0.966, "cells": 179.0}, "µm")[:39]
    'Expected error 428 µm, found 417 µm (me'
    """
    stated, true = (
        f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
        for value in (found["expected_median"], found["found_median"])
    )
    return (
        f"Expected error {stated} {unit}, found {true} {unit} (medians; ratio {found['ratio']:.2f})"
        f"; the 90% radius holds {100 * found['within_radius']:.0f}% of {found['cells']:,.0f} "
        "cells."
    )
