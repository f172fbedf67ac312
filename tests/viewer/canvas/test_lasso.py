from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.components._viewer_mouse_bindings import drag_to_zoom
from napari.layers import Points

from napari_spatialrecon.viewer.canvas.lasso import Lasso, combined, inside, rows_within, way_of
from napari_spatialrecon.viewer.canvas.pointer import Pointer

SQUARE = np.array([[10.0, 10.0], [10.0, 60.0], [60.0, 60.0], [60.0, 10.0]])


def drag(viewer: ViewerModel, path: np.ndarray, *keys: str, stop: Any = None) -> None:
    """Send a drag along a path in the world, ten pixels a unit, to what hears the canvas."""
    (hear,) = viewer.mouse_drag_callbacks  # Alt, which zooms, rests
    event = SimpleNamespace(button=1, type="mouse_press", modifiers=keys)
    event.position, event.pos = tuple(path[0]), path[0] * 10
    moves = hear(viewer, event)
    next(moves)
    event.type = "mouse_move"
    for at in path[1:]:
        event.position, event.pos = tuple(at), at * 10
        next(moves)
    if stop is not None:
        stop()
    event.type = "mouse_release"
    with pytest.raises(StopIteration):
        next(moves)


def made(viewer: ViewerModel) -> tuple[Lasso, list[Any], list[np.ndarray]]:
    closed: list[Any] = []
    lines: list[np.ndarray] = []
    lasso = Lasso(viewer, drawn=lines.append, closed=lambda *given: closed.append(given))
    lasso.switch(True)
    return lasso, closed, lines


def test_a_drag_makes_a_polygon_and_does_not_pan(viewer: ViewerModel) -> None:
    _, closed, lines = made(viewer)
    panned: list[bool] = []
    drag(viewer, SQUARE, "Shift", stop=lambda: panned.append(viewer.scene.camera.mouse_pan))
    ((corners, way),) = closed
    assert np.array_equal(corners, SQUARE) and way == "add"
    assert panned == [False] and viewer.scene.camera.mouse_pan
    assert [len(line) for line in lines] == [2, 3, 4, 0]


def test_a_lasso_that_is_given_up_selects_nothing(viewer: ViewerModel) -> None:
    lasso, closed, lines = made(viewer)
    drag(viewer, SQUARE, stop=lasso.cancel)
    assert not closed and not len(lines[-1]) and viewer.scene.camera.mouse_pan
    drag(viewer, SQUARE[:2])
    assert not closed


def test_only_one_tool_takes_the_mouse(viewer: ViewerModel) -> None:
    lasso, _, _ = made(viewer)
    pointer = Pointer(
        viewer, clicked=print, marks=lambda: np.empty((0, 2)), dragged=lambda *_: None
    )
    pointer.switch(True)
    assert not lasso.on and drag_to_zoom in viewer.mouse_drag_callbacks
    lasso.switch(True)
    assert not pointer.on and len(viewer.mouse_drag_callbacks) == 1


def test_points_are_found_where_they_are_displayed_and_only_if_shown() -> None:
    grid = np.stack(np.meshgrid(np.arange(10.0), np.arange(10.0)), -1).reshape(-1, 2)
    layer = Points(grid, scale=(2, 2), translate=(100, 0), rotate=30)
    world = np.array([layer.data_to_world(at) for at in ((1.5, 1.5), (1.5, 4.5), (4.5, 4.5))])
    wanted = {tuple(at) for at in grid if 1.5 < at[0] < at[1] < 4.5}
    assert wanted <= {tuple(grid[row]) for row in rows_within(layer, world)}
    assert all(at.min() > 1.5 and at.max() < 4.5 for at in grid[rows_within(layer, world)])
    layer.shown = grid[:, 0] != 2
    assert 2.0 not in grid[rows_within(layer, world)][:, 0]


def test_shift_adds_and_alt_removes() -> None:
    before, found = np.array([1, 5]), np.array([5, 3])
    ways = {keys: combined(before, found, way_of(keys)).tolist() for keys in ((), ("Shift",))}
    assert ways == {(): [3, 5], ("Shift",): [1, 3, 5]}
    assert combined(before, found, way_of(("Alt",))).tolist() == [1]


def test_a_million_points_take_less_than_a_second() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 1e4, (1_000_000, 2))
    turn = np.linspace(0, 2 * np.pi, 300)
    polygon = 5000 + 1500 * np.column_stack([np.sin(turn), np.cos(turn)])
    start = time.perf_counter()
    found = inside(points, polygon)
    assert time.perf_counter() - start < 1.0
    assert found.mean() == pytest.approx(np.pi * 0.15**2, rel=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_a_lasso_holds_the_points_that_lie_within_its_polygon(seed: int) -> None:
    from matplotlib.path import Path

    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 100, (5_000, 2))
    turn = np.sort(rng.uniform(0, 2 * np.pi, 40))[:: rng.choice([-1, 1])]
    radius = rng.uniform(10, 45, 40)[:, None]
    polygon = 50 + radius * np.column_stack([np.sin(turn), np.cos(turn)])
    assert np.array_equal(inside(points, polygon), Path(polygon).contains_points(points))


def test_a_lasso_that_overlaps_itself_holds_what_it_surrounds_twice() -> None:
    loop = np.array([[0, 0], [0, 4], [4, 4], [4, 0]], float)
    assert inside(np.array([[2.0, 2.0], [5.0, 2.0]]), np.vstack([loop, loop])).tolist() == [
        True,
        False,
    ]
