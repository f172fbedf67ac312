from __future__ import annotations

import numpy as np
import pytest

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.calibration import uncertainty_metrics


def test_a_calibrated_uncertainty_is_recognised() -> None:
    rng = np.random.default_rng(0)
    stated = rng.uniform(1, 10, 5000)
    errors = np.linalg.norm(rng.normal(size=(5000, 2)) * stated[:, None] / np.sqrt(2), axis=1)
    found = uncertainty_metrics(errors, stated)
    assert found["within_2_sigma"] == pytest.approx(1 - np.exp(-4), abs=0.01)
    assert found["decile_ratio"] == pytest.approx(9.55 / 1.45, rel=0.1)
    assert found["spearman"] > 0.5


def test_an_uncertainty_that_says_nothing_scores_one_and_zero() -> None:
    rng = np.random.default_rng(1)
    errors = rng.exponential(size=5000)
    for stated in (np.ones(5000), rng.random(5000)):
        found = uncertainty_metrics(np.sort(errors), stated)
        assert found["decile_ratio"] == pytest.approx(1, abs=0.2)
        assert found["spearman"] == pytest.approx(0, abs=0.05)


def test_too_small_an_uncertainty_shows_in_the_share_within_two_sigma() -> None:
    errors = np.linspace(1, 2, 50)
    assert uncertainty_metrics(errors, errors / 100)["within_2_sigma"] == 0
    assert uncertainty_metrics(errors, errors)["within_2_sigma"] == 1


@pytest.mark.parametrize("bad", [np.nan, -1.0, np.inf])
def test_impossible_uncertainties_are_refused(bad: float) -> None:
    with pytest.raises(InputError, match="found 1 that are not"):
        uncertainty_metrics(np.ones(20), np.array([bad, *np.ones(19)]))
