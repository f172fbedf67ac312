from __future__ import annotations

import numpy as np
import pytest

from napari_spatialrecon.geometry.distortion import _distinct, local_maps


@pytest.fixture
def tissue() -> np.ndarray:
    return np.random.default_rng(0).random((400, 2)) * [1000, 600]


def test_area_and_shear_are_those_of_a_linear_map(tissue: np.ndarray) -> None:
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    found = local_maps(tissue, tissue @ (turn @ np.diag([3.0, 0.5])).T + 40)
    known = np.isfinite(found.area)
    np.testing.assert_allclose(found.area[known], 1.5)
    np.testing.assert_allclose(found.shear[known], 6.0)
    moved = found.nodes[known] @ (turn @ np.diag([3.0, 0.5])).T + 40
    np.testing.assert_allclose(found.target[known], moved)


def test_a_map_follows_the_place_and_tells_a_fold(tissue: np.ndarray) -> None:
    folded = tissue.copy()
    right = tissue[:, 0] > 500
    folded[right, 0] = 1000 - folded[right, 0]
    area = local_maps(tissue, folded).area
    middle = area.shape[1] // 2
    np.testing.assert_allclose(np.nanmedian(area[:, : middle - 3]), 1)
    np.testing.assert_allclose(np.nanmedian(area[:, middle + 4 :]), -1)


def test_nothing_is_said_away_from_the_tissue(tissue: np.ndarray) -> None:
    ring = tissue[np.linalg.norm(tissue - [500, 300], axis=1) > 200]
    found = local_maps(ring, ring)
    centre = np.linalg.norm(found.nodes - [500, 300], axis=-1) < 60
    assert np.isnan(found.area[centre]).all() and np.isfinite(found.area).mean() > 0.7
    assert np.isfinite(found.lines).all() and len(found.lines) > 100


def test_cells_on_a_line_or_in_one_place_have_no_map() -> None:
    line = np.column_stack([np.arange(30.0), np.zeros(30)])
    assert np.isnan(local_maps(line, line).area).all()
    assert np.isnan(local_maps(np.ones((30, 2)), np.ones((30, 2))).shear).all()


def test_a_drawn_map_ends_where_the_tissue_does() -> None:
    rng = np.random.default_rng(0)
    radius, turn = np.sqrt(rng.random(600)) * 100, rng.random(600) * 2 * np.pi
    disc = np.column_stack([radius * np.cos(turn), radius * np.sin(turn)])
    found = local_maps(disc, disc * [2.0, 1.0])
    pixels, origin, pixel = found.drawn(found.area)
    y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]] * pixel
    far = np.hypot(x + origin[0], y + origin[1])
    assert np.isnan(pixels[far > 100]).all() and np.isfinite(pixels[far < 85]).all()
    np.testing.assert_allclose(pixels[far < 85], 2, rtol=1e-6)


def test_points_that_are_twice_are_counted_once() -> None:
    points = np.random.default_rng(0).integers(0, 5, (80, 2)) * [1.5, 0.0625]
    np.testing.assert_array_equal(_distinct(points), np.unique(points, axis=0))


def test_the_lines_of_the_grid_end_where_the_cells_do() -> None:
    rng = np.random.default_rng(0)
    radius, turn = np.sqrt(rng.random(600)) * 100, rng.random(600) * 2 * np.pi
    disc = np.column_stack([radius * np.cos(turn), radius * np.sin(turn)])
    lines = local_maps(disc, disc * [2.0, 1.0]).lines / [2.0, 1.0]
    far = np.linalg.norm(lines, axis=-1)
    assert far.max() < 100
    assert far.max() > 85, "edges are cut, not dropped"
    assert len(np.unique(np.round(np.arctan2(*lines[far.max(axis=1) > 85].mean(axis=1).T), 0))) > 5
