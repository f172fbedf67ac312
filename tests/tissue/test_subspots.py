"""Parts lie inside their spot, and pictures show what was measured and what was not."""

from __future__ import annotations

import numpy as np
import pytest

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.lattice import find_lattice
from napari_spatialrecon.tissue.subspot_picture import subspot_picture
from napari_spatialrecon.tissue.subspots import parse_factor, split_spots


@pytest.fixture
def points():
    x, y = np.meshgrid(np.arange(6.0), np.arange(5.0))
    return np.c_[x.ravel(), y.ravel()]


def test_bins_are_cut_in_rows_times_columns(points):
    parts = split_spots(find_lattice(points), parse_factor("2x5"))
    assert parts.factor.parts == 10
    np.testing.assert_allclose(np.unique(parts.offsets[:, 1].round(6)), [-0.25, 0.25])
    np.testing.assert_allclose(
        np.unique(parts.offsets[:, 0].round(6)), [-0.4, -0.2, 0, 0.2, 0.4], atol=1e-9
    )


@pytest.mark.parametrize("factor", ["7", "9", "2x2", "4x4"])
def test_parts_of_round_spots_lie_inside_the_circle(points, factor):
    parts = split_spots(find_lattice(points, 0.6), parse_factor(factor))
    assert (np.linalg.norm(parts.offsets, axis=1) < 0.3).all()
    np.testing.assert_allclose(parts.offsets.mean(axis=0), 0, atol=1e-12)


def test_parts_turn_with_the_grid(points):
    turn = np.array([[0.8, 0.6], [-0.6, 0.8]])
    straight = split_spots(find_lattice(points), parse_factor("2x2"))
    turned = split_spots(find_lattice(points @ turn), parse_factor("2x2"))
    np.testing.assert_allclose(turned.centres, straight.centres @ turn, atol=1e-9)


@pytest.mark.parametrize("factor", ["1x1", "0x2", "nine", "2", "99x99", "-2x2", "1.5x2"])
def test_factors_that_split_nothing_or_too_much_are_refused(factor):
    with pytest.raises(InputError, match="Try"):
        parse_factor(factor)


def test_seven_parts_are_refused_for_square_bins(points):
    with pytest.raises(InputError, match="rows x columns for square bins"):
        split_spots(find_lattice(points), parse_factor("7"))


def test_a_picture_of_bins_has_no_gaps_and_repeats_each_value(points):
    parts = split_spots(find_lattice(points), parse_factor("2x2"))
    picture = subspot_picture(parts)
    values = np.arange(len(parts.centres), dtype=np.float32)
    image = picture.image(values)
    assert not picture.gap.any()
    assert set(image[~np.isnan(image)]) == set(values)
    column, row = np.rint((parts.centres - picture.origin) / picture.units_per_pixel).astype(int).T
    np.testing.assert_array_equal(image[row, column], values)


def test_gaps_between_round_spots_are_marked_and_interpolated(points):
    parts = split_spots(find_lattice(points, 0.6), parse_factor("7"))
    picture = subspot_picture(parts)
    assert picture.gap.any()
    assert (picture.tissue & ~picture.gap).any()
    image = picture.image(np.full(len(parts.centres), 3.0))
    np.testing.assert_allclose(image[picture.tissue], 3.0, rtol=1e-5)
    assert np.isnan(image[~picture.tissue]).all()


def test_gaps_are_interpolated_without_edges(points):
    parts = split_spots(find_lattice(points, 0.5), parse_factor("2x2"))
    picture = subspot_picture(parts)
    spots = np.random.default_rng(0).integers(0, 2, len(points))
    image = np.where(picture.gap, picture.image(np.repeat(spots, 4)), np.nan)
    steps = np.concatenate([np.abs(np.diff(image, axis=axis)).ravel() for axis in (0, 1)])
    assert np.nanmax(steps) < 0.2 and np.nanmin(image) >= 0 and np.nanmax(image) < 1.001


def test_a_mask_of_the_tissue_clears_the_rest(points):
    parts = split_spots(find_lattice(points), parse_factor("2x2"))
    mask = np.zeros((10, 10), bool)
    mask[:, :3] = True
    picture = subspot_picture(parts, mask=mask)
    seen = picture.origin[0] + np.nonzero(picture.tissue)[1] * picture.units_per_pixel
    assert seen.max() < 2.6
