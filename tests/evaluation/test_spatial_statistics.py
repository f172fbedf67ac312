"""Patterns of genes over a layout, beside the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from napari_spatialrecon.evaluation.spatial_statistics import spatial_statistics


@pytest.fixture
def gradients() -> tuple[sparse.csr_matrix, np.ndarray]:
    rng = np.random.default_rng(0)
    places = rng.random((300, 2))
    rates = 1 + 20 * np.column_stack([places[:, 0], 1 - places[:, 0], places[:, 1], np.ones(300)])
    return sparse.csr_matrix(rng.poisson(rates)), places


def test_the_truth_agrees_with_itself(gradients) -> None:
    counts, places = gradients
    found = spatial_statistics(counts, places, places)
    assert found["moran_predicted"] == found["moran_true"] > 0.2
    assert found["geary_predicted"] == found["geary_true"] < 0.8
    assert found["moran_agreement"] == pytest.approx(1)


def test_shuffled_places_have_no_pattern(gradients) -> None:
    counts, places = gradients
    shuffled = np.random.default_rng(1).permutation(places)
    found = spatial_statistics(counts, places, shuffled)
    assert abs(found["moran_predicted"]) < 0.05 < found["moran_true"]
    assert found["geary_predicted"] == pytest.approx(1, abs=0.05)
