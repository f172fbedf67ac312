"""Grids of spots are found whatever their angle, gaps and wandering."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.lattice import find_lattice


def turned(points, degrees):
    angle = np.radians(degrees)
    return points @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


@pytest.fixture
def squares():
    x, y = np.meshgrid(np.arange(12.0), np.arange(9.0))
    return np.c_[x.ravel(), y.ravel()]


@pytest.fixture
def hexagons():
    x, y = np.meshgrid(np.arange(12.0), np.arange(9.0))
    return np.c_[(x + 0.5 * (y % 2)).ravel(), (y * np.sqrt(3) / 2).ravel()]


@settings(deadline=None, max_examples=25)
@given(degrees=st.floats(-44, 44), scale=st.floats(0.01, 1000), seed=st.integers(0, 99))
def test_a_turned_grid_with_holes_is_found_with_its_angle(degrees, scale, seed):
    x, y = np.meshgrid(np.arange(12.0), np.arange(9.0))
    points = np.c_[x.ravel(), y.ravel()]
    points = points[np.random.default_rng(seed).random(len(points)) < 0.8]
    lattice = find_lattice(turned(points, degrees) * scale)
    assert lattice.kind == "square"
    assert lattice.angle == pytest.approx(degrees, abs=1e-4)
    assert lattice.pitch == pytest.approx(scale)
    rebuilt = lattice.origin + lattice.index @ lattice.basis
    np.testing.assert_allclose(rebuilt, lattice.points, atol=1e-6 * scale)


@pytest.mark.parametrize("degrees", [0, 17, 30, 45])
def test_hexagons_are_told_from_squares(hexagons, degrees):
    assert find_lattice(turned(hexagons, degrees)).kind == "hexagon"


def test_rectangular_bins_are_a_grid_with_two_steps(squares):
    lattice = find_lattice(squares * [1.0, 2.5])
    assert lattice.kind == "square"
    np.testing.assert_allclose(np.linalg.norm(lattice.basis, axis=1), [1.0, 2.5])


def test_spots_that_wander_like_a_printed_array_stay_on_their_grid(squares):
    wander = np.random.default_rng(0).normal(0, 0.05, squares.shape)
    lattice = find_lattice(squares + wander)
    np.testing.assert_array_equal(lattice.index, squares)


def test_rows_at_finds_each_spot_and_nothing_else(squares):
    lattice = find_lattice(squares)
    np.testing.assert_array_equal(lattice.rows_at(lattice.index), np.arange(len(squares)))
    assert (lattice.rows_at(np.array([[-1, 0], [12, 0], [0, 9]])) == -1).all()


def test_cells_without_grid_and_diameter_are_refused():
    points = np.random.default_rng(0).random((200, 2))
    with pytest.raises(InputError, match="grid, or round spots of a known diameter"):
        find_lattice(points)
    assert find_lattice(points, 0.01).kind == "free"


def test_a_diameter_wider_than_the_pitch_is_refused(squares):
    with pytest.raises(InputError, match="smaller than their pitch"):
        find_lattice(squares, 3.0)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("path", "kind", "angle"),
    [
        ("st_her2_he/C3.h5ad", "square", 0),
        ("st_mob_he/MOB1.h5ad", "square", -48),
        ("visium_coexpress/visium_spots.h5ad", "hexagon", 0),
    ],
)
def test_real_arrays_are_recognised(realdata, path, kind, angle):
    from napari_spatialrecon.tissue.read import read_adata

    lattice = find_lattice(np.asarray(read_adata(realdata / path).obsm["spatial"])[:, :2])
    assert lattice.kind == kind
    assert lattice.angle == pytest.approx(angle, abs=1)
