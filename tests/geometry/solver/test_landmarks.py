from __future__ import annotations

import numpy as np
import pytest

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.solver.landmarks import (
    Landmarks,
    fit_scale,
    next_landmark,
    typical_cells,
)

CORNERS = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("indices", "places", "problem"),
    [
        ([1, 2], CORNERS[:2], "2 determine the pose only up to a reflection"),
        ([1], CORNERS[:1], "the pose is undetermined"),
        ([1, 2, 3], np.outer([0, 1, 2], [1.0, 3.0]) + 1e3, "on one line"),
        ([1, 2, 3], np.ones((3, 2)), "in one place"),
        ([1, 2, 1], CORNERS, "found cell 1 2 times"),
        ([1, 2, 3], CORNERS * np.nan, "finite positions"),
        ([1, 2, 3], CORNERS[:2], "for each of 3 landmarks"),
        ([1.5, 2, 3], CORNERS, "row number"),
    ],
)
def test_bad_landmarks_are_refused_with_a_remedy(
    indices: list[float], places: np.ndarray, problem: str
) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        Landmarks(np.array(indices), places)
    assert caught.value.remedy.startswith("Try ")


def test_a_landmark_of_an_unknown_cell_is_refused() -> None:
    landmarks = Landmarks(np.array([1, 2, 99]), CORNERS)
    with pytest.raises(InputError, match=r"among the 50 cells, found cell 99\."):
        landmarks.check_cells(50)


def test_weights_must_pull() -> None:
    with pytest.raises(InputError, match="weights above 0"):
        Landmarks(np.arange(3), CORNERS, weights=np.zeros(3))


def test_moving_a_landmark_leaves_the_original_alone() -> None:
    landmarks = Landmarks(np.array([5, 6, 7]), CORNERS)
    moved = landmarks.moved(6, np.array([3.0, 4.0]))
    np.testing.assert_array_equal(moved.places[1], [3, 4])
    np.testing.assert_array_equal(landmarks.places, CORNERS)
    with pytest.raises(InputError, match="found cell 8"):
        landmarks.moved(8, np.zeros(2))
    with pytest.raises(InputError, match="on one line"):
        landmarks.moved(7, np.array([5.0, 0.0]))


def test_the_scale_of_an_exact_latent_is_found() -> None:
    cells = RNG.uniform(0, 500, (40, 2))
    landmarks = Landmarks(np.arange(6), cells[:6])
    assert fit_scale(0.02 * cells, landmarks) == pytest.approx(0.02)


def test_a_noisy_latent_draws_the_cells_in_and_never_spreads_them_wider_than_trained() -> None:
    cells = RNG.normal(size=(2000, 2))
    latent = 0.5 * cells + np.sqrt(0.75) * RNG.normal(size=cells.shape)
    known = Landmarks(np.arange(100), cells[:100])
    assert fit_scale(latent, known) == pytest.approx(2.0, rel=0.3), "what regression would say"
    assert fit_scale(RNG.normal(size=cells.shape), known) < 4, "a latent of noise alone"
    assert fit_scale(0.5 * latent, known, trained=1.0) == 1.0


def test_the_scale_needs_latents_that_differ() -> None:
    with pytest.raises(InputError, match="different latents"):
        fit_scale(np.ones((9, 2)), Landmarks(np.arange(3), CORNERS))


def test_typical_cells_are_certain_and_in_the_middle_of_their_groups() -> None:
    centres = np.array([[0.0, 0.0], [20.0, 0.0], [0.0, 30.0]])
    latent = np.vstack([c + RNG.normal(size=(40, 2)) for c in centres])
    spread = RNG.uniform(1, 2, 120)
    spread[::2] = 0.1
    found = typical_cells(latent, spread, 3)
    assert (found // 40).tolist() == [0, 1, 2] and (spread[found] == 0.1).all()
    assert (np.linalg.norm(latent[found] - centres, axis=1) < 1.0).all()
    np.testing.assert_array_equal(found, typical_cells(latent, spread, 3))
    with pytest.raises(InputError, match="one spread per cell"):
        typical_cells(latent, spread[:9])


def test_the_next_landmark_leaves_the_least_uncertainty_of_the_pose() -> None:
    latent = RNG.normal(size=(200, 2))
    spread, known, among = RNG.uniform(0.1, 1, 200), np.array([3, 4, 5]), np.arange(10, 60)
    weights = 1 / (spread**2 + np.median(spread) ** 2)

    def left(cell: int) -> float:
        """Variance of a similarity, x and y in one equation of four unknowns, over all cells."""

        def equations(z: np.ndarray) -> np.ndarray:
            (x, y), one, none = z.T, np.ones(len(z)), np.zeros(len(z))
            return np.stack([np.stack([x, -y, one, none]), np.stack([y, x, none, one])]).T

        rows = np.append(known, cell)
        own = equations(latent[rows])
        covariance = np.linalg.inv(np.einsum("k,kpi,kqi->pq", weights[rows], own, own))
        every = equations(latent)
        pose = float(np.einsum("kpi,pq,kqi->", every, covariance, every)) / 200
        scatter = np.cov(latent[rows].T, aweights=weights[rows], ddof=0) * weights[rows].sum()
        thinnest = np.linalg.eigvalsh(np.cov(latent.T, ddof=0))[0]
        return pose / 2 + 0.05 * thinnest / np.linalg.eigvalsh(scatter)[0]

    best = min(among, key=left)
    assert next_landmark(latent, spread, known, among) == best


def test_the_third_landmark_tells_whether_the_tissue_is_turned_over() -> None:
    """Three on a line fix the rest as well from either side."""
    tissue = RNG.uniform((-10, -2), (10, 2), size=(100, 2))
    ends, line, beside = np.array([[-9.5, 0], [9.5, 0]]), [9.0, 0.1], [4.0, 1.9]
    latent = np.concatenate([ends, [line, beside], tissue])
    spread = np.ones(len(latent))
    assert next_landmark(latent, spread, np.array([0, 1]), np.array([2, 3])) == 3
    assert next_landmark(latent, spread, np.array([0]), np.array([1, 3])) == 1, "far apart first"


def test_uncertain_cells_and_those_beside_a_landmark_are_not_asked_for() -> None:
    latent = np.array([[-9.0, 0], [9.0, 0], [9.0, 1], [0, 9.0], [1, 9.0], [-8.0, 0.5]])
    spread = np.array([1.0, 1.0, 50.0, 50.0, 1.0, 1.0])
    chosen: list[int] = []
    for _ in range(3):
        chosen.append(next_landmark(latent, spread, np.array(chosen, int), np.arange(6)))
    assert {1, 4} < set(chosen), "far apart, and certain"
    only = next_landmark(latent, spread, np.arange(5), np.arange(3))
    assert only == 5, "no other is left"
    with pytest.raises(InputError, match="not yet a landmark"):
        next_landmark(latent, spread, np.arange(6), np.arange(6))
