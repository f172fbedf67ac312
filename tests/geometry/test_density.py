"""Layouts given the density of other points."""

from __future__ import annotations

import numpy as np
import pytest

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
