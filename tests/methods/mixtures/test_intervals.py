"""Intervals of shares, calibrated on spots whose mixture is known."""

from __future__ import annotations

import numpy as np
import pytest

from napari_spatialrecon.methods.mixtures.base import CheckedShares
from napari_spatialrecon.methods.mixtures.intervals import (
    coverage,
    errors_beside_the_mean,
    intervals,
)


@pytest.fixture(scope="module")
def spots():
    """True shares of four types in 800 spots, and an estimate of which the last type is noise."""
    rng = np.random.default_rng(0)
    truth = rng.dirichlet([2.0, 1.0, 0.5, 0.05], 800)
    found = truth + rng.normal(0, [0.05, 0.1, 0.02, 0.01], truth.shape)
    found[:, 3] = rng.uniform(0, 0.5, 800)
    found = np.maximum(found, 0) / np.maximum(found, 0).sum(axis=1, keepdims=True)
    return CheckedShares(truth, found)


def test_nine_of_ten_true_shares_lie_within_and_the_share_does_too(spots):
    fit, test = slice(400), slice(400, None)
    known = CheckedShares(spots.truth[fit], spots.found[fit])
    lower, upper = intervals(known, spots.found[test])
    inside = (spots.truth[test] >= lower) & (spots.truth[test] <= upper)
    assert 0.87 < inside.mean() < 0.97
    assert (lower >= 0).all() and (upper <= 1).all()
    assert (lower <= spots.found[test]).all() and (spots.found[test] <= upper).all()


def test_a_type_that_is_noise_has_wider_intervals_that_include_nothing(spots):
    lower, upper = intervals(spots, spots.found)
    width = [(upper - lower)[spots.found[:, t] > 0.1, t].mean() for t in range(4)]
    assert width[2] < width[1]
    got = spots.found[:, 3] > 0.1
    assert (lower[got, 3] == 0).mean() > 0.9
    assert (lower[spots.found[:, 0] > 0.4, 0] > 0).all()


def test_nothing_is_known_of_shares_that_few_known_spots_reach(spots):
    few = CheckedShares(spots.truth[:400], np.minimum(spots.found[:400], 0.3))
    lower, upper = intervals(few, np.array([[0.9, 0.1, 0.0, 0.0]]))
    assert (lower[0, 0], upper[0, 0]) == (0.0, 1.0)
    assert upper[0, 1] < 0.6


def test_coverage_is_measured_on_spots_that_did_not_calibrate(spots):
    found = coverage(spots)
    assert 0.85 < found["interval_coverage"] < 0.95
    shifted = CheckedShares(spots.truth.copy(), spots.found)
    shifted.truth[::2] = np.roll(shifted.truth[::2], 1, axis=1)
    assert coverage(shifted)["interval_coverage"] < 0.85


def test_a_mixture_that_says_nothing_is_no_better_than_the_mean(spots):
    good = CheckedShares(spots.truth, (2 * spots.truth + spots.found) / 3)
    own, mean = errors_beside_the_mean(good)
    assert own.mean() < 0.7 * mean.mean()
    shuffled = CheckedShares(spots.truth, np.roll(spots.found, 1, axis=0))
    own, mean = errors_beside_the_mean(shuffled)
    assert own.mean() > mean.mean()
