from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.neighbours import nearest, neighbour_graph

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dimension", [2, 30])
def test_neighbours_are_those_of_the_full_distance_matrix(dimension: int) -> None:
    points = RNG.normal(size=(60, dimension))
    full = cdist(points, points)
    np.fill_diagonal(full, np.inf)
    indices, distances = nearest(points, 5)
    np.testing.assert_array_equal(indices, full.argsort(axis=1)[:, :5])
    np.testing.assert_allclose(distances, np.sort(full, axis=1)[:, :5], atol=1e-6)


def test_queries_may_find_a_point_in_their_own_place() -> None:
    points = RNG.normal(size=(10, 2))
    indices, distances = nearest(points, 1, points[[3, 7]])
    np.testing.assert_array_equal(indices.ravel(), [3, 7])
    np.testing.assert_array_equal(distances.ravel(), 0)


def test_cells_in_one_place_are_neighbours_but_never_of_themselves() -> None:
    indices, distances = nearest(np.zeros((9, 2)), 3)
    assert indices.shape == (9, 3)
    assert not (indices == np.arange(9)[:, None]).any()
    np.testing.assert_array_equal(distances, 0)


def test_more_neighbours_than_points_gives_all_of_them() -> None:
    assert nearest(RNG.normal(size=(4, 2)), 10)[0].shape == (4, 3)


def test_the_graph_takes_means() -> None:
    points = RNG.normal(size=(20, 2))
    graph = neighbour_graph(points, 4)
    np.testing.assert_allclose(graph.sum(axis=1), 1)
    indices, _ = nearest(points, 4)
    values = RNG.normal(size=20)
    np.testing.assert_allclose(graph @ values, values[indices].mean(axis=1))


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="at least 1"):
        nearest(np.zeros((3, 2)), 0)
    with pytest.raises(InputError, match="finite"):
        nearest(np.array([[np.nan, 0.0], [1.0, 2.0]]), 1)
