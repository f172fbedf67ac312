from __future__ import annotations

import numpy as np
import pytest

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tasks.vicinity import default_radius, near

SPOTS = np.array([[0.0, 0.0], [100.0, 0.0], [200.0, 0.0], [900.0, 0.0]])


def test_spots_within_the_radius_are_near() -> None:
    assert near(SPOTS, np.array([[0.0, 90.0], [800.0, 0.0]]), 100.0).tolist() == [1, 0, 0, 1]


def test_a_cell_in_the_middle_of_a_spot_is_near_it() -> None:
    assert near(SPOTS, SPOTS[:1], 50.0).tolist() == [1, 0, 0, 0]


def test_a_cell_is_not_in_its_own_vicinity() -> None:
    own = np.array([1, 1, 0, 1], bool)
    assert near(SPOTS, SPOTS[own], 110.0, own=own).tolist() == [1, 1, 1, 0]


def test_the_default_radius_is_half_again_the_pitch() -> None:
    assert default_radius(SPOTS[:3]) == pytest.approx(150.0)


@pytest.mark.parametrize(
    ("places", "targets", "radius", "message"),
    [
        (SPOTS, SPOTS, 0.0, "radius above 0"),
        (SPOTS, SPOTS[:0], 10.0, "found none"),
        (SPOTS * np.nan, SPOTS, 10.0, "not finite"),
    ],
)
def test_bad_input_is_refused(places, targets, radius: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        near(places, targets, radius)
