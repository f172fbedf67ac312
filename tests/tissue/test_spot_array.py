"""The µm of a pixel are found from the array, in any pose, whatever is missing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_spatialrecon.tissue.spot_array import ST, VISIUM, find_array, hexagonal_pitch

#: Rows and columns of the arrays: 6.5 mm and 11 mm of Visium, ST.
SIZES = {"6.5 mm": (78, 128), "11 mm": (128, 224), "ST": (33, 35)}
#: Real rows are 87.0 µm apart, the ideal 86.6 µm.
RISES = (87.0, 100 * np.sqrt(3) / 2)


def crate(rows: int, columns: int, rise: float) -> tuple[np.ndarray, np.ndarray]:
    """Return indices (row, column) and places (x, y) in µm of a Visium array."""
    row, column = np.divmod(np.arange(rows * columns), columns)
    kept = (row + column) % 2 == 0
    return np.c_[row, column][kept], np.c_[50.0 * column, rise * row][kept]


def square(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    row, column = np.divmod(np.arange(rows * columns), columns)
    return np.c_[row, column], np.c_[200.0 * column, 200.0 * row]


def posed(points: np.ndarray, um: float, angle: float, mirrored: bool, shift: float) -> np.ndarray:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return points @ (turn @ np.diag([-1.0 if mirrored else 1.0, 1.0])).T / um + shift


poses = st.fixed_dictionaries(
    {
        "um": st.floats(0.05, 20),
        "angle": st.floats(-np.pi, np.pi),
        "mirrored": st.booleans(),
        "shift": st.floats(-1e4, 1e4),
    }
)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(list(SIZES)),
    st.sampled_from(RISES),
    poses,
    st.floats(0.03, 1.0),
    st.floats(0, 0.03),
    st.integers(0, 2**32 - 1),
)
def test_the_pitch_is_recovered_in_any_pose_with_spots_missing_and_noise(
    name: str, rise: float, pose: dict, share: float, noise: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    index, places = square(*SIZES[name]) if name == "ST" else crate(*SIZES[name], rise)
    pitch = 200.0 if name == "ST" else 100.0
    kept = rng.random(len(index)) < share
    kept[rng.integers(0, len(index), 8)] = True
    points = posed(places + rng.normal(scale=noise * pitch, size=places.shape), **pose)
    found = find_array(*index[kept].T, points[kept])
    assert found is not None and found.kind == (ST if name == "ST" else VISIUM)
    assert found.um_per_unit == pytest.approx(pose["um"], rel=0.005)
    assert found.pitch == pytest.approx(pitch / pose["um"], rel=0.005)


@settings(max_examples=20, deadline=None)
@given(poses, st.booleans(), st.sampled_from(["rows", "crop", "half"]))
def test_other_countings_of_the_same_array_are_recognised(
    pose: dict, odd: bool, counting: str
) -> None:
    index, places = crate(40, 60, RISES[0])
    row, column = index.T
    points = posed(places, **pose)
    if counting == "rows":  # every second column is counted, as 0 to 63
        column = column // 2
    elif counting == "crop":
        row, column = row + 31, column + (30 if odd else 31)
        row = row + (not odd)
    else:
        kept = places[:, 0] < places[:, 0].mean()
        row, column, points = row[kept], column[kept], points[kept]
    found = find_array(row, column, points)
    assert found is not None and found.kind == VISIUM
    assert found.um_per_unit == pytest.approx(pose["um"], rel=1e-6)


def test_rounding_to_whole_pixels_costs_little() -> None:
    index, places = crate(78, 128, RISES[0])
    found = find_array(*index.T, np.rint(places / 4.0))
    assert found is not None and found.um_per_unit == pytest.approx(4.0, rel=0.001)


def irregular() -> tuple[np.ndarray, np.ndarray]:
    index, places = crate(30, 40, RISES[0])
    return index, places + np.random.default_rng(0).normal(scale=40, size=places.shape)


def stretched() -> tuple[np.ndarray, np.ndarray]:
    index, places = crate(30, 40, RISES[0])
    return index, places * [1.0, 1.1]


def shuffled() -> tuple[np.ndarray, np.ndarray]:
    index, places = crate(30, 40, RISES[0])
    return index, np.random.default_rng(0).permutation(places)


def one_row() -> tuple[np.ndarray, np.ndarray]:
    index, places = crate(1, 128, RISES[0])
    return index, places


def bins() -> tuple[np.ndarray, np.ndarray]:
    index, places = square(60, 60)
    return index, places / 25


def five_spots() -> tuple[np.ndarray, np.ndarray]:
    index, places = crate(78, 128, RISES[0])
    return index[:5], places[:5]


@pytest.mark.parametrize("make", [irregular, stretched, shuffled, one_row, bins, five_spots])
def test_what_is_no_array_of_visium_or_st_has_no_pitch(make) -> None:
    index, points = make()
    assert find_array(*index.T, points) is None


def test_rows_whose_index_is_missing_or_text_are_left_out() -> None:
    index, places = crate(10, 20, RISES[0])
    row = index[:, 0].astype(object)
    row[0], row[5] = None, "none"
    places[7] = np.nan
    found = find_array(row, index[:, 1].astype(str), places)
    assert found is not None and found.um_per_unit == pytest.approx(1.0)


def test_neighbours_of_a_hexagonal_array_are_found_without_indices() -> None:
    _, places = crate(20, 40, RISES[0])
    assert hexagonal_pitch(places / 0.5) == pytest.approx(200, rel=0.01)
    assert hexagonal_pitch(square(20, 20)[1]) is None
    assert hexagonal_pitch(np.random.default_rng(0).random((300, 2))) is None
