"""Distances on demand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry import distance_operator
from napari_spatialrecon.geometry.distance_operator import DistanceOperator


def test_blocks_are_the_whole_matrix(monkeypatch) -> None:
    monkeypatch.setattr(distance_operator, "_MOST", 70)
    places = np.random.default_rng(0).normal(size=(23, 3))
    whole, operator = cdist(places, places), DistanceOperator(places)
    assert operator.shape == (23, 23)
    parts = list(operator.blocks())
    assert len(parts) == 8
    np.testing.assert_array_equal(np.concatenate([d for _, d in parts]), whole)
    np.testing.assert_array_equal(operator.block([3, 1], [2, 20]), whole[[3, 1]][:, [2, 20]])
    weights = np.random.default_rng(1).normal(size=(23, 2))
    np.testing.assert_allclose(operator @ weights, whole @ weights)


def test_places_that_are_not_finite_are_refused() -> None:
    with pytest.raises(InputError, match="finite"):
        DistanceOperator(np.full((3, 2), np.nan))
