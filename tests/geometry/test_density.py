"""Layouts given the density of other points."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.sliced_wasserstein import sliced_wasserstein
from napari_spatialrecon.geometry.density import match_density


@pytest.fixture(scope="module")
def spots():
    """An L-shaped tissue."""
    points = np.random.default_rng(0).uniform(-1, 1, size=(900, 2))
    return points[(points > 0).any(axis=1)]


@pytest.fixture(scope="module")
def shrunk(spots):
    cells = np.random.default_rng(1).choice(spots, 600, replace=False)
    return 0.5 * cells + spots.mean(axis=0)


def test_cells_become_as_dense_as_the_spots(spots, shrunk) -> None:
    some = spots[:600]
    gaps = [sliced_wasserstein(match_density(shrunk, some, share=s), some) for s in (0, 0.5, 1)]
    assert gaps[2] < 0.2 * gaps[0]
    assert gaps[2] < gaps[1] < gaps[0]


def test_neighbours_move_alike() -> None:
    """Cells in a lump among spots on a lattice: they fill it, and are not laid on its points."""
    lattice = np.stack(np.meshgrid(*[np.linspace(-1, 1, 12)] * 2), axis=-1).reshape(-1, 2)
    cells = np.random.default_rng(3).normal(size=(900, 2)) * 0.3
    moves = match_density(cells, lattice) - cells
    near = cKDTree(cells).query(cells, 2)[1][:, 1]
    apart = np.linalg.norm(moves - moves[near], axis=1)
    assert np.median(apart) < 0.05 * np.linalg.norm(moves, axis=1).mean()
    np.testing.assert_allclose((cells + moves).std(axis=0), lattice.std(axis=0), rtol=0.1)
    gaps = cKDTree(lattice).query(cells + moves)[0]
    assert np.median(gaps) > 0.25 * 2 / 11


def test_a_cell_far_from_all_others_stays_finite(spots) -> None:
    cells = np.vstack([spots, [[1e4, -1e4]]])
    assert np.isfinite(match_density(cells, spots)).all()


def test_all_go_to_the_one_target(spots) -> None:
    np.testing.assert_allclose(match_density(spots, np.ones((1, 2))), np.ones_like(spots))


def test_half_way_is_half_way(spots, shrunk) -> None:
    half, whole = (match_density(shrunk, spots, share=s) for s in (0.5, 1.0))
    np.testing.assert_allclose(half, (shrunk + whole) / 2)
    np.testing.assert_array_equal(match_density(shrunk, spots, share=0.0), shrunk)


def test_the_order_of_cells_plays_no_part(spots, shrunk) -> None:
    order = np.random.default_rng(2).permutation(len(shrunk))
    np.testing.assert_allclose(
        match_density(shrunk[order], spots), match_density(shrunk, spots)[order]
    )


def test_one_cell_goes_to_the_middle(spots) -> None:
    assert np.isfinite(match_density(np.zeros((1, 2)), spots)).all()


@pytest.mark.parametrize(
    ("points", "share", "words"),
    [
        (np.zeros((3, 3)), 1.0, "shape"),
        (np.full((3, 2), np.nan), 1.0, "finite"),
        (np.zeros((3, 2)), 2.0, "share"),
    ],
)
def test_what_cannot_be_moved_is_refused(spots, points, share, words) -> None:
    with pytest.raises(InputError, match=words):
        match_density(points, spots, share=share)
