from __future__ import annotations

import numpy as np
import pytest

from napari_spatialrecon.geometry.solver.bending import apply_bend
from napari_spatialrecon.geometry.solver.landmarks import Landmarks, fit_scale
from napari_spatialrecon.geometry.solver.left_out import left_out_errors
from napari_spatialrecon.geometry.solver.place_solver import PlaceSolver

RNG = np.random.default_rng(0)
TRUE = RNG.uniform(0, 1000, (2500, 2))


def test_it_is_the_error_of_a_solve_without_the_landmark() -> None:
    layout = TRUE[:300] + RNG.normal(scale=80, size=(300, 2))
    known = np.arange(0, 300, 40)
    found = list(left_out_errors(layout, Landmarks(known, TRUE[known])))
    rest = Landmarks(known[1:], TRUE[known[1:]])
    scale = fit_scale(layout, rest, trained=1.0)
    places = PlaceSolver(layout).solve(rest, scale=scale).places
    assert found[0] == pytest.approx(np.linalg.norm(places[0] - TRUE[0]), rel=0.02)


def test_a_sample_of_the_cells_tells_nearly_the_same_as_all() -> None:
    layout = TRUE + RNG.normal(scale=80, size=TRUE.shape)
    known = np.arange(0, 2500, 250)
    landmarks = Landmarks(known, TRUE[known])
    found = np.array(list(left_out_errors(layout, landmarks)))
    again = np.array(list(left_out_errors(layout, landmarks, seed=1)))
    assert np.abs(found - again).max() < 0.1 * found.mean()


def test_landmarks_that_the_others_cannot_do_without_have_none() -> None:
    places = np.array([[0.0, 0.0], [500.0, 0.0], [1000.0, 0.0], [500.0, 800.0]])
    layout = np.vstack([places, TRUE[:50]])
    errors = list(left_out_errors(layout, Landmarks(np.arange(4), places)))
    assert np.isnan(errors[3]) and not np.isnan(errors[:3]).any()
    assert np.isnan(list(left_out_errors(layout, Landmarks(np.arange(1, 4), places[1:])))).all()


def test_where_the_layout_bends_the_others_bend_it_without_the_landmark() -> None:
    layout = TRUE[:400] + 60 * np.sin(TRUE[:400, ::-1] / 150) + RNG.normal(scale=5, size=(400, 2))
    known = np.arange(0, 400, 8)
    landmarks = Landmarks(known, TRUE[known])
    found = np.array(list(left_out_errors(layout, landmarks, bend=True)))
    posed = np.array(list(left_out_errors(layout, landmarks)))
    assert np.median(found) < 0.6 * np.median(posed)
    anew = []
    for left in range(0, len(known), 10):
        rest = Landmarks(np.delete(known, left), TRUE[np.delete(known, left)])
        solution = PlaceSolver(layout).solve(rest, scale=fit_scale(layout, rest, trained=1.0))
        places = apply_bend(solution.places, layout, rest)[known[left]]
        anew.append(np.linalg.norm(places - TRUE[known[left]]))
    np.testing.assert_allclose(found[::10], anew, atol=0.1 * np.median(posed))


def test_few_landmarks_bend_nothing_and_are_judged_by_the_pose() -> None:
    layout = TRUE[:300] + RNG.normal(scale=80, size=(300, 2))
    landmarks = Landmarks(np.arange(8), TRUE[:8])
    assert list(left_out_errors(layout, landmarks, bend=True)) == list(
        left_out_errors(layout, landmarks)
    )
