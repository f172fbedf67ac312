from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.align.model import AlignModel, Pair

GRID = np.stack(np.meshgrid(np.arange(0, 1000, 100.0), np.arange(0, 800, 100.0)), -1).reshape(-1, 2)
TURN = np.array([[0.8, -0.6], [0.6, 0.8]])
BOUNDS = np.array([[-2000.0, -2000.0], [2000.0, 2000.0]])


def target(points: np.ndarray) -> np.ndarray:
    return points @ (0.9 * TURN).T + [120.0, -40.0]


@pytest.fixture
def model() -> AlignModel:
    return AlignModel(GRID, BOUNDS)


def click_pair(model: AlignModel, point: np.ndarray) -> None:
    """Click a point where the layer now shows it, then its place on the image."""
    model.click(model.transform.apply(point[None])[0])
    model.click(target(point[None])[0])


def test_turns_are_taken_and_the_layer_follows_the_third_pair(model: AlignModel) -> None:
    assert model.turn == "layer" and model.missing == 3
    for number, row in enumerate((0, 5, 62)):
        click_pair(model, GRID[row])
        assert model.missing == 2 - number
    np.testing.assert_allclose(model.moved, target(GRID), atol=1e-6)
    assert model.rmse == pytest.approx(0, abs=1e-6)


def test_later_pairs_are_clicked_on_the_moved_layer_and_mean_the_same_spots(
    model: AlignModel,
) -> None:
    for row in (0, 5, 62, 33, 77):
        click_pair(model, GRID[row])
    np.testing.assert_allclose([p.query for p in model.pairs], GRID[[0, 5, 62, 33, 77]], atol=1e-6)


@pytest.mark.parametrize("kind", ["affine", "projective", "thin-plate"])
def test_every_model_lays_the_layer_over_exact_pairs(model: AlignModel, kind: str) -> None:
    model.set_model(kind)
    for row in (0, 9, 72, 79, 34):
        click_pair(model, GRID[row])
    np.testing.assert_allclose(model.moved, target(GRID), atol=1e-4)


def test_too_few_pairs_say_how_many_are_missing_and_keep_what_is_set(model: AlignModel) -> None:
    for row in (0, 5, 62):
        click_pair(model, GRID[row])
    model.set_model("projective")
    assert model.missing == 1 and len(model.pairs) == 3
    np.testing.assert_allclose(model.moved, target(GRID), atol=1e-6)


def test_pairs_on_a_line_say_so_and_the_layer_stays(model: AlignModel) -> None:
    for row in (0, 1, 2):
        click_pair(model, GRID[row])
    assert "on one line" in str(model.problem) and len(model.pairs) == 3
    np.testing.assert_array_equal(model.moved, GRID)
    click_pair(model, GRID[62])
    assert model.problem is None


def test_a_landmark_outside_the_image_is_refused_and_the_turn_stays(model: AlignModel) -> None:
    model.click(GRID[3])
    with pytest.raises(InputError, match="outside it"):
        model.click(np.array([9000.0, 0.0]))
    assert model.turn == "image" and not model.pairs


def test_a_bad_pair_is_hinted_and_leaving_it_out_restores_the_fit(model: AlignModel) -> None:
    for row in (0, 5, 62, 33, 77, 40, 18):
        click_pair(model, GRID[row] + np.random.default_rng(row).normal(size=2))
    model.drag(len(model.pairs) + 4, target(GRID[[77]])[0] + 300)
    assert [row.outlier for row in model.residuals()].index(True) == 4
    before = model.rmse
    model.enable(4, False)
    assert model.rmse < before / 20 and not any(r.outlier for r in model.residuals())
    assert model.residuals()[4].residual > 300


def test_a_drag_is_one_step_to_undo(model: AlignModel) -> None:
    for row in (0, 5, 62):
        click_pair(model, GRID[row])
    for step in range(5):
        model.drag(3, target(GRID[[0]])[0] + step)
    model.end_drag()
    model.undo()
    np.testing.assert_allclose(model.moved, target(GRID), atol=1e-6)
    model.redo()
    assert model.pairs[0].ref == pytest.approx(target(GRID[[0]])[0] + 4)


def test_flip_turn_and_nudge_move_about_the_centre_and_can_be_undone(model: AlignModel) -> None:
    model.flip()
    np.testing.assert_allclose(model.moved, GRID * [-1, 1] + [900, 0])
    model.flip()
    for _ in range(4):
        model.turn_by(90)
    np.testing.assert_allclose(model.moved, GRID, atol=1e-9)
    model.nudge(5, -2)
    model.nudge(5, 0)
    np.testing.assert_allclose(model.moved, np.add(GRID, [10, -2]), atol=1e-9)
    model.undo()
    np.testing.assert_allclose(model.moved, GRID, atol=1e-9)


def test_a_mirrored_layer_is_turned_over_by_its_pairs() -> None:
    model = AlignModel(GRID * [-1.0, 1.0])
    for row in (0, 5, 62):
        model.click(model.transform.apply(model.points[[row]])[0])
        model.click(GRID[row])
    assert model.transform.reflected
    np.testing.assert_allclose(model.moved, GRID, atol=1e-6)


@given(st.lists(st.integers(0, 7), min_size=1, max_size=25))
@settings(max_examples=40, deadline=None)
def test_undoing_everything_gives_the_beginning_and_redoing_it_the_end(steps: list[int]) -> None:
    model = AlignModel(GRID, BOUNDS)
    rng = np.random.default_rng(0)
    start = model.state
    for step in steps:
        k = len(model.pairs)
        if step < 3:
            model.click(rng.uniform(0, 900, 2))
        elif step == 3 and k:
            model.drag(int(rng.integers(2 * k)), rng.uniform(0, 900, 2))
        elif step == 4 and k:
            model.delete(int(rng.integers(k)))
        elif step == 5 and k:
            model.enable(int(rng.integers(k)), bool(rng.integers(2)))
        elif step == 6:
            model.set_model(str(rng.choice(["similarity", "affine", "thin-plate"])))
        elif step == 7:
            model.flip()
    end = model.state
    while model.can_undo:
        model.undo()
    assert model.state == start
    while model.can_redo:
        model.redo()
    assert model.state is end


def test_pairs_from_a_file_replace_those_that_are_set(model: AlignModel) -> None:
    model.click(GRID[0])
    model.set_pairs(tuple(Pair(tuple(GRID[r]), tuple(target(GRID[[r]])[0])) for r in (1, 8, 65)))
    assert model.turn == "layer"
    np.testing.assert_allclose(model.moved, target(GRID), atol=1e-6)
    model.undo()
    assert model.turn == "image" and not model.pairs


def test_deleting_takes_the_waiting_landmark_first(model: AlignModel) -> None:
    click_pair(model, GRID[0])
    model.click(GRID[5])
    model.delete()
    assert model.turn == "layer" and len(model.pairs) == 1
    model.delete(0)
    assert not model.pairs
