"""The most similar spots of each cell are the same whatever the blocks they are looked for in."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_spatialrecon.methods.placement import posterior
from napari_spatialrecon.methods.placement.config import KnnConfig
from napari_spatialrecon.methods.placement.posterior import knn_posterior, spatial_directions
from napari_spatialrecon.methods.placement.reference import Reference
from napari_spatialrecon.tissue.contract import prepare_query, prepare_slide
from napari_spatialrecon.tissue.preprocess_config import PreprocessConfig


@given(n=st.integers(1, 400), share=st.floats(0, 1), seed=st.integers(0, 99))
@settings(max_examples=100, deadline=None)
def test_the_largest_values_are_found_in_ascending_columns(n, share, seed):
    values = np.random.default_rng(seed).random((3, n))
    k = max(1, round(share * n))
    columns = posterior._largest(values, k)
    assert columns.shape == (3, k) and (np.diff(columns, axis=1) > 0).all()
    found = np.sort(np.take_along_axis(values, columns, axis=1))
    np.testing.assert_array_equal(found, np.sort(values)[:, -k:])


def test_cells_lie_in_the_same_places_in_small_blocks_of_many_spots(tiny, monkeypatch):
    slides, cells = [prepare_slide(tiny.slides[0], "one")], prepare_query(tiny.cells, "cells")
    reference, features = Reference.fit(slides, cells, PreprocessConfig(), seed=0)
    directions = spatial_directions(reference, features, KnnConfig())
    at_once = knn_posterior(reference, features, directions, KnnConfig())
    monkeypatch.setattr(posterior, "BLOCK_VALUES", 5 * len(reference.all_places))
    in_blocks = knn_posterior(reference, features, directions, KnnConfig())
    np.testing.assert_allclose(in_blocks.places, at_once.places, atol=1e-9)
    np.testing.assert_allclose(in_blocks.variance, at_once.variance, atol=1e-9)
    assert abs(in_blocks.weights - at_once.weights).max() < 1e-9
