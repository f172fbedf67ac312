from __future__ import annotations

import numpy as np
import pytest

from napari_spatialrecon.viewer.canvas.picture import (
    Discs,
    Frame,
    centers,
    clipped,
    packed,
    painted,
)

RNG = np.random.default_rng(0)
FRAME = Frame(np.array([-20.0, 5.0]), 0.5, (60, 80))


def drawn_one_by_one(x: np.ndarray, y: np.ndarray, diameter: float) -> np.ndarray:
    """Return the last point whose disc covers each pixel, each disc drawn by itself."""
    rows, columns = FRAME.shape
    image = np.full(FRAME.shape, -1)
    row, column = np.mgrid[:rows, :columns]
    for number, (px, py) in enumerate(zip(x, y, strict=True)):
        across = np.floor((px - FRAME.low[0]) / FRAME.step)
        down = np.floor((py - FRAME.low[1]) / FRAME.step)
        if 0 <= across < columns and 0 <= down < rows:
            near = (row - down) ** 2 + (column - across) ** 2 <= (diameter / 2) ** 2
            image[near] = number
    return image


@pytest.mark.parametrize("diameter", [1.0, 2.5, 4.0, 7.3, 11.0])
def test_each_pixel_shows_the_last_point_that_covers_it(diameter: float) -> None:
    x, y = RNG.uniform(-30, 30, 400).astype(np.float32), RNG.uniform(0, 40, 400).astype(np.float32)
    x[3], y[4] = np.inf, np.inf
    found = Discs.of(centers(x, y, FRAME), diameter).whole
    assert np.array_equal(found, drawn_one_by_one(x, y, diameter))


def test_a_rim_lies_around_the_face_of_its_own_point() -> None:
    discs = Discs.of(centers(np.array([0.1]), np.array([20.1]), FRAME), 9.0, rim=2.0)
    face, rim = packed(np.array([[1.0, 0, 0, 1]])), packed(np.array([[0, 0, 1.0, 1]]))
    picture = painted(discs, face, rim)
    row, column = 30, 40
    assert picture[row, column].tolist() == [255, 0, 0, 255]
    assert picture[row, column + 4].tolist() == [0, 0, 255, 255]
    assert picture[row, column + 5].tolist() == [0, 0, 0, 0]


def test_only_what_lies_before_a_plane_is_left() -> None:
    picture = clipped(
        np.full((60, 80, 4), 9, np.uint8), FRAME, [(np.array([0.0, 0.0]), np.array([1.0, 0.0]))]
    )
    assert not picture[:, :40].any() and picture[:, 40:].all()
