from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.solver.landmarks import Landmarks
from napari_spatialrecon.viewer.landmarks.model import LandmarksModel
from napari_spatialrecon.viewer.landmarks.search import search

N = 300
RNG = np.random.default_rng(0)
TRUE = RNG.uniform(0, 1000, (N, 2))
NAMES = np.array([f"cell{i}" for i in range(N)])
BOUNDS = np.array([[-500.0, -500.0], [1500.0, 1500.0]])
TURN = np.array([[0.0, -1.0], [-1.0, 0.0]])
SPREAD = RNG.uniform(1, 2, N)


@pytest.fixture
def model() -> LandmarksModel:
    """An exact layout in another pose: landmarks alone can lay it right."""
    layout = (TRUE - TRUE.mean(0)) @ TURN
    return LandmarksModel(NAMES, layout, layout + 5000.0, SPREAD, BOUNDS)


def off(model: LandmarksModel) -> float:
    return float(np.linalg.norm(model.places - TRUE, axis=1).max())


def set_some(model: LandmarksModel, *cells: int) -> None:
    for cell in cells:
        model.set_place(cell, TRUE[cell])


def test_three_landmarks_lay_an_exact_layout_even_mirrored(model: LandmarksModel) -> None:
    set_some(model, 3, 50)
    assert model.missing == 1
    np.testing.assert_array_equal(model.places, model.start)
    set_some(model, 120)
    assert model.missing == 0 and off(model) < 1.0


def test_a_cell_is_picked_by_a_click_and_placed_by_the_next(model: LandmarksModel) -> None:
    model.click(model.places[17] + 0.1)
    assert model.picked == 17
    model.click(TRUE[17])
    assert model.picked is None and model.marks[0].cell == 17
    model.pick(17)
    model.click(TRUE[18])
    assert len(model.marks) == 1 and model.marks[0].place == tuple(TRUE[18])


def test_dragging_moves_the_others_live_and_is_one_step_to_undo(model: LandmarksModel) -> None:
    set_some(model, 3, 50, 120)
    before = model.places.copy()
    for step in (10.0, 20.0, 40.0):
        model.drag(1, TRUE[50] + step)
        np.testing.assert_allclose(model.places[50], TRUE[50] + step)
    others = np.setdiff1d(np.arange(N), [3, 50, 120])
    assert np.linalg.norm(model.places - before, axis=1)[others].mean() > 1
    model.end_drag()
    model.undo()
    np.testing.assert_allclose(model.places, before, atol=0.5)
    model.redo()
    assert model.marks[1].place == tuple(TRUE[50] + 40.0)


def test_residual_and_left_out_error_name_the_wrong_landmark(model: LandmarksModel) -> None:
    set_some(model, *range(0, 90, 10))
    model.set_place(277, TRUE[277] + 300)
    assert all(e.left_out is None for e in model.errors()), "not known before it is asked for"
    for _ in model.judge():
        pass
    errors = model.errors()
    worst = max(range(10), key=lambda i: errors[i].left_out)
    assert worst == 9 and errors[9].left_out == pytest.approx(300 * 2**0.5, rel=0.02)
    model.enable(9, False)
    errors = model.errors()
    assert max(e.residual for e in errors[:9]) < 1e-6 and errors[9].residual > 400
    assert errors[0].left_out is None and errors[9].left_out == pytest.approx(424, rel=0.02)
    assert off(model) < 1.0


def test_a_change_ends_the_judging_of_what_was_set_before(model: LandmarksModel) -> None:
    set_some(model, 3, 50, 120, 200)
    steps = model.judge()
    next(steps)
    model.delete(0)
    assert next(steps, "ended") == "ended"
    assert all(e.left_out is None for e in model.errors())


def test_soft_landmarks_pull_and_hard_ones_hold(model: LandmarksModel) -> None:
    set_some(model, 3, 50, 120, 200)
    model.set_place(77, TRUE[77] + 300)
    np.testing.assert_allclose(model.places[77], TRUE[77] + 300)
    model.set_hard(4, False, 1.0)
    apart = np.linalg.norm(model.places[77] - (TRUE[77] + 300))
    assert 50 < apart < 400
    with pytest.raises(InputError, match="weight above 0"):
        model.set_hard(4, False, 0.0)


def test_a_suggested_cell_is_certain_and_no_landmark(model: LandmarksModel) -> None:
    set_some(model, 3, 50, 120)
    cell = model.suggestion()
    assert cell not in (3, 50, 120) and SPREAD[cell] <= np.median(SPREAD)
    assert cell == model.suggestion()


def test_bending_follows_dense_landmarks_and_not_a_few() -> None:
    waves = TRUE + 60 * np.sin(TRUE[:, ::-1] / 150)
    model = LandmarksModel(NAMES, waves, waves, SPREAD)
    known = RNG.choice(N, 60, replace=False)
    model.take(Landmarks(known, TRUE[known]))
    others = np.setdiff1d(np.arange(N), known)
    posed = np.linalg.norm(model.places - TRUE, axis=1)[others].mean()
    list(model.judge())
    straight = np.median([e.left_out for e in model.errors()])
    model.set_bend(True)
    list(model.judge())
    assert np.median([e.left_out for e in model.errors()]) < 0.6 * straight
    bent = np.linalg.norm(model.places - TRUE, axis=1)[others].mean()
    assert bent < 0.6 * posed
    model.undo()
    assert np.linalg.norm(model.places - TRUE, axis=1)[others].mean() == pytest.approx(posed, 0.01)


def test_too_few_or_collinear_landmarks_say_so_and_keep_what_is_set(model: LandmarksModel) -> None:
    for cell in (1, 2, 3):
        model.set_place(cell, np.array([100.0 * cell, 100.0 * cell]))
    assert "on one line" in str(model.problem) and len(model.marks) == 3
    np.testing.assert_array_equal(model.places, model.start)
    model.delete(0)
    assert model.missing == 1 and model.problem is None and len(model.marks) == 2


def test_places_off_the_image_and_not_numbers_are_refused(model: LandmarksModel) -> None:
    with pytest.raises(InputError, match="outside it"):
        model.set_place(3, np.array([9000.0, 0.0]))
    with pytest.raises(InputError, match="two finite coordinates"):
        model.set_place(3, np.array([np.nan, 0.0]))
    assert not model.marks and not model.can_undo


def test_landmarks_of_cells_that_are_not_there_are_refused(model: LandmarksModel) -> None:
    with pytest.raises(InputError, match="among the 300 cells"):
        model.take(Landmarks(np.array([1, 2, 999]), TRUE[:3]))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12))
@settings(max_examples=15, deadline=None)
def test_undoing_everything_gives_the_beginning(steps: list[int]) -> None:
    layout = TRUE[:40] - 500.0
    model = LandmarksModel(NAMES[:40], layout, layout, SPREAD[:40])
    rng = np.random.default_rng(1)
    start = model.state
    for step in steps:
        k = len(model.marks)
        if step < 3:
            model.set_place(int(rng.integers(40)), rng.uniform(0, 1000, 2))
        elif step == 3 and k:
            model.drag(int(rng.integers(k)), rng.uniform(0, 1000, 2))
            model.end_drag()
        elif step == 4 and k:
            model.delete(int(rng.integers(k)))
        elif step == 5 and k:
            model.set_hard(int(rng.integers(k)), False)
    end = model.state
    while model.can_undo:
        model.undo()
    assert model.state == start
    np.testing.assert_array_equal(model.places, model.start)
    while model.can_redo:
        model.redo()
    assert model.state == end


def test_cells_are_found_by_name_type_and_gene() -> None:
    counts = np.zeros((6, 2), np.float32)
    counts[:, 0], counts[4, 1], counts[2, 1] = 1, 9, 5
    adata = AnnData(counts, var=pd.DataFrame(index=["ACTB", "Krt17"]))
    adata.obs_names = [f"AAC{i}" for i in range(6)]
    adata.obs["cell_type"] = pd.Categorical(["T cell", "B cell", "T cell"] * 2)
    spread = np.array([3.0, 1.0, 2.0, 0.5, 4.0, 0.1])
    assert search(adata, "aac3", spread).cells.tolist() == [3]
    assert search(adata, "t cell", spread).cells.tolist() == [5, 3, 2, 0]
    gene = search(adata, "KRT17", spread)
    assert gene.cells.tolist() == [4, 2] and gene.notes[0] == "Krt17 9"
    assert search(adata, "nothing", spread).total == 0
    assert search(adata, "", spread).total == 6
