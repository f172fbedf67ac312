"""Spatial communities."""

from __future__ import annotations

import numpy as np
import pytest

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.communities import communities


@pytest.fixture(scope="module")
def islands():
    """Three islands of 60, 40 and 20 cells, and who is on which."""
    rng = np.random.default_rng(0)
    own = np.repeat([0, 1, 2], [60, 40, 20])
    centres = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    return centres[own] + rng.normal(scale=0.4, size=(120, 2)), own


def test_islands_are_communities_largest_first(islands) -> None:
    places, own = islands
    np.testing.assert_array_equal(communities(places, resolution=0.1), own)


def test_pose_and_unit_play_no_part(islands) -> None:
    places, _ = islands
    turned = 500 * places @ np.array([[0.0, 1.0], [1.0, 0.0]]) + 3
    np.testing.assert_array_equal(communities(turned), communities(places))


def test_a_higher_resolution_finds_more_and_the_seed_repeats_it(islands) -> None:
    places, _ = islands
    few, many = (communities(places, resolution=r) for r in (0.1, 3.0))
    assert many.max() > few.max()
    np.testing.assert_array_equal(communities(places, resolution=3.0), many)


def test_what_has_no_communities_is_refused() -> None:
    with pytest.raises(InputError, match="at least 2 cells"):
        communities(np.zeros((1, 2)))
    with pytest.raises(InputError, match="resolution above 0"):
        communities(np.zeros((5, 2)), resolution=0.0)
