from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import block_diag, csr_matrix

from napari_spatialrecon.errors import InputError, Stopped
from napari_spatialrecon.geometry.neighbours import neighbour_graph
from napari_spatialrecon.geometry.procrustes import Pose, procrustes_error
from napari_spatialrecon.geometry.solver import place_solver
from napari_spatialrecon.geometry.solver.landmarks import Landmarks, fit_scale
from napari_spatialrecon.geometry.solver.place_solver import PlaceSolver, full_stress, solve_places
from napari_spatialrecon.progress import Progress, Reporter

C, S = np.cos(np.pi / 6), np.sin(np.pi / 6)
#: A turn by 30 degrees, could be flipped, to latent units.
TURN = Pose(0.01 * np.array([[C, -S], [S, C]]) @ np.diag([1.0, -1.0]), np.array([5.0, -2.0]))


def tissue(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform([2e4, 1e4], [2.1e4, 1.1e4], (n, 2))


def noisy(cells: np.ndarray, d: int, noise: float, seed: int = 0) -> np.ndarray:
    """A latent of `d` dimensions that keeps the distances of `cells` but for noise."""
    generator = np.random.default_rng(seed)
    axes = np.linalg.qr(generator.normal(size=(d, 2)))[0]
    clean = (cells - cells.mean(axis=0)) / 500 @ axes.T
    return clean + noise * generator.normal(size=clean.shape)


def landmarks(cells: np.ndarray, k: int, **options: np.ndarray) -> Landmarks:
    known = np.random.default_rng(3).choice(len(cells), k, replace=False)
    return Landmarks(known, cells[known], **options)


CELLS = tissue(300)
EXTENT = 1000.0


@pytest.mark.parametrize("d", [2, 3, 8])
def test_the_free_layout_of_an_exact_latent_is_exact(d: int) -> None:
    found = solve_places(noisy(CELLS, d, 0.0))
    assert procrustes_error(CELLS, found.places) < 1e-6
    assert found.converged and found.stress < 1e-10


@pytest.mark.parametrize("hard", [True, False])
@pytest.mark.parametrize("mask", [None, neighbour_graph(CELLS, 12)])
def test_landmarks_undo_a_turn_a_reflection_and_a_scale(
    hard: bool, mask: csr_matrix | None
) -> None:
    known = landmarks(CELLS, 3, hard=np.full(3, hard))
    latent = TURN.apply(CELLS)
    found = solve_places(latent, landmarks=known, scale=fit_scale(latent, known), mask=mask)
    np.testing.assert_allclose(found.places, CELLS, atol=1e-6 * EXTENT)
    assert found.scale == pytest.approx(0.01)
    assert not found.unsupported.any()


def test_hard_landmarks_are_exact_and_soft_ones_give_way_by_weight() -> None:
    latent = noisy(CELLS, 5, 0.3)
    indices = landmarks(CELLS, 8).indices
    hard = np.arange(8) < 3

    def gaps(weight: float) -> np.ndarray:
        known = Landmarks(indices, CELLS[indices], hard, np.full(8, weight))
        places = solve_places(latent, landmarks=known, scale=0.002).places
        return np.linalg.norm(places[indices] - CELLS[indices], axis=1)

    loose, firm = gaps(0.1), gaps(100.0)
    assert loose[hard].max() <= 1e-6 * EXTENT
    assert firm[~hard].max() < 0.02 * EXTENT < loose[~hard].max()


@pytest.mark.parametrize("count", [3, 60])
def test_a_sample_of_pairs_is_within_two_percent_of_all(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = tissue(1400)
    latent, known = noisy(cells, 8, 0.2), landmarks(cells, count)
    full = solve_places(latent, landmarks=known, scale=0.002)
    monkeypatch.setattr(place_solver, "ALL_PAIRS", 100)
    sampled = solve_places(latent, landmarks=known, scale=0.002)
    all_pairs = full_stress(latent, full.places, scale=0.002)
    assert full.stress == pytest.approx(all_pairs)
    assert all_pairs <= full_stress(latent, sampled.places, scale=0.002) < 1.02 * all_pairs
    assert sampled.stress == pytest.approx(all_pairs, rel=0.05)


def test_pairs_of_many_landmarks_are_sampled_too(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = tissue(1200)
    latent, known = noisy(cells, 4, 0.2), landmarks(cells, 400)
    full = solve_places(latent, landmarks=known, scale=0.002)
    monkeypatch.setattr(place_solver, "ALL_PAIRS", 100)
    monkeypatch.setattr(place_solver, "_EXACT", 128)
    sampled = solve_places(latent, landmarks=known, scale=0.002)
    all_pairs = full_stress(latent, full.places, scale=0.002)
    assert full_stress(latent, sampled.places, scale=0.002) < 1.02 * all_pairs


@pytest.mark.parametrize("all_pairs", [5000, 100])
@pytest.mark.parametrize("shift", [20.0, 300.0])
def test_a_dragged_landmark_is_near_the_converged_optimum_at_once(
    shift: float, all_pairs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place_solver, "ALL_PAIRS", all_pairs)
    cells = tissue(900)
    latent, known = noisy(cells, 3, 0.1), landmarks(cells, 5)
    solver = PlaceSolver(latent)
    solver.solve(known, scale=0.002)
    cell, place = int(known.indices[2]), known.places[2] + [shift, -shift]
    live = solver.move(cell, place)
    cold = solve_places(latent, landmarks=known.moved(cell, place), scale=0.002, tolerance=1e-6)
    assert live.iterations <= 4
    assert live.stress == pytest.approx(cold.stress, rel=0.01)
    assert np.abs(live.places - cold.places).max() < 0.01 * EXTENT
    np.testing.assert_array_equal(live.places[cell], place)


def test_a_warm_start_takes_fewer_steps_to_the_same_places() -> None:
    latent, known = noisy(CELLS, 5, 0.2), landmarks(CELLS, 30)
    solver = PlaceSolver(latent)
    first = solver.solve(known, scale=0.002)
    near = known.moved(int(known.indices[0]), known.places[0] + 10)
    cold = solve_places(latent, landmarks=near, scale=0.002)
    warm = solver.solve(near, scale=0.002)
    given = solve_places(latent, landmarks=near, scale=0.002, start=first.places)
    assert warm.iterations < cold.iterations
    assert given.iterations < cold.iterations
    np.testing.assert_allclose(warm.places, cold.places, atol=1e-3 * EXTENT)


def test_a_landmark_that_turns_the_layout_over_is_followed() -> None:
    latent = (CELLS - CELLS.mean(axis=0)) / 500
    known = landmarks(CELLS, 3)
    solver = PlaceSolver(latent)
    solver.solve(known, scale=0.002)
    centre = CELLS.mean(axis=0)
    mirrored = (CELLS - centre) * [-1, 1] + centre
    other = Landmarks(known.indices, mirrored[known.indices])
    found = solver.solve(other, scale=0.002)
    np.testing.assert_allclose(found.places, mirrored, atol=1e-3 * EXTENT)


def test_the_stress_never_rises() -> None:
    seen: list[Progress] = []
    solve_places(
        noisy(CELLS, 6, 0.4),
        landmarks=landmarks(CELLS, 4),
        scale=0.002,
        reporter=Reporter(seen.append, interval_s=0),
    )
    curves: list[list[float]] = []
    for report in seen:
        if report.step == 0:
            curves.append([])
        elif "stress" in report.metrics:
            curves[-1].append(report.metrics["stress"])
    free, held = (c for c in curves if c)
    assert len(free) > 3 and (np.diff(free) <= 0).all()
    assert len(held) > 3 and (np.diff(held) <= 0).all()


def test_the_order_of_the_cells_does_not_matter() -> None:
    latent, known = noisy(CELLS, 5, 0.2), landmarks(CELLS, 5)
    order = np.random.default_rng(0).permutation(len(CELLS))
    moved = Landmarks(np.argsort(order)[known.indices], known.places)
    straight = solve_places(latent, landmarks=known, scale=0.002)
    shuffled = solve_places(latent[order], landmarks=moved, scale=0.002)
    np.testing.assert_allclose(shuffled.places, straight.places[order], atol=1e-3 * EXTENT)


def test_the_same_seed_gives_the_same_bytes_and_the_input_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(place_solver, "ALL_PAIRS", 100)
    latent, known = noisy(CELLS, 5, 0.2), landmarks(CELLS, 5)
    before = latent.copy()
    first = solve_places(latent, landmarks=known, pairs=50, seed=1)
    second = solve_places(latent, landmarks=known, pairs=50, seed=1)
    assert first.places.tobytes() == second.places.tobytes()
    assert (
        first.places.tobytes() != solve_places(latent, landmarks=known, pairs=50).places.tobytes()
    )
    np.testing.assert_array_equal(latent, before)


def test_parts_of_a_mask_without_landmark_are_placed_as_a_whole_and_flagged() -> None:
    groups = [np.ones((150, 150)), np.ones((149, 149)), np.zeros((1, 1))]
    indices = np.array([3, 60, 120])
    latent = TURN.apply(CELLS)
    known = Landmarks(indices, CELLS[indices])
    found = solve_places(latent, landmarks=known, scale=0.01, mask=block_diag(groups))
    np.testing.assert_array_equal(found.unsupported, np.arange(300) >= 150)
    np.testing.assert_allclose(found.places, CELLS, atol=1e-4 * EXTENT)
    free = solve_places(latent, mask=block_diag(groups))
    np.testing.assert_array_equal(free.unsupported, np.arange(300) == 299)


def test_landmarks_can_come_and_go() -> None:
    latent = noisy(CELLS, 4, 0.2)
    solver, known = PlaceSolver(latent), landmarks(CELLS, 6)
    free = solver.solve()
    solver.solve(known, scale=0.002)
    fewer = Landmarks(known.indices[:4], known.places[:4])
    again = solver.solve(fewer, scale=0.002)
    np.testing.assert_allclose(
        again.places,
        solve_places(latent, landmarks=fewer, scale=0.002).places,
        atol=1e-3 * EXTENT,
    )
    np.testing.assert_array_equal(solver.solve().places, free.places)


@pytest.mark.parametrize(
    ("latent", "problem"),
    [
        (np.zeros((10, 2)), "the same for all cells"),
        (np.full((10, 2), np.nan), "10 cells where it is not"),
        (np.arange(10.0)[:, None], "2 dimensions"),
        (np.eye(2), "at least 3 cells"),
    ],
)
def test_a_latent_that_fixes_no_layout_is_refused(latent: np.ndarray, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        solve_places(latent)


def test_bad_requests_are_refused() -> None:
    latent = noisy(CELLS, 2, 0.0)
    solver = PlaceSolver(latent)
    with pytest.raises(InputError, match="at least 1 pair"):
        PlaceSolver(latent, pairs=0)
    with pytest.raises(InputError, match="λ above 0"):
        solver.solve(landmarks(CELLS, 3), scale=0.0)
    with pytest.raises(InputError, match="found none"):
        solver.move(0, np.zeros(2))
    with pytest.raises(InputError, match="found cell 400"):
        solver.solve(Landmarks(np.array([0, 1, 400]), CELLS[:3]))
    flat = latent.copy()
    flat[:3] = np.outer(np.arange(3), latent[0])
    with pytest.raises(InputError, match="could be flipped"):
        PlaceSolver(flat).solve(Landmarks(np.arange(3), CELLS[:3]))


def test_the_user_can_stop_the_solver() -> None:
    with pytest.raises(Stopped):
        solve_places(noisy(CELLS, 6, 0.4), reporter=Reporter(should_stop=lambda: True))
