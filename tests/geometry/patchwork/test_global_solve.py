from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from napari_spatialrecon.errors import InputError, Stopped
from napari_spatialrecon.geometry.neighbours import nearest
from napari_spatialrecon.geometry.patchwork.distance_graph import DistanceGraph
from napari_spatialrecon.geometry.patchwork.global_solve import GlobalSolution, solve_graph
from napari_spatialrecon.geometry.patchwork.isomap import landmark_isomap
from napari_spatialrecon.geometry.patchwork.robust import HuberPairs
from napari_spatialrecon.geometry.patchwork.trilateration import Trilateration
from napari_spatialrecon.geometry.procrustes import fit_pose, procrustes_error
from napari_spatialrecon.progress import Progress, Reporter

N = 400
CELLS = np.random.default_rng(0).uniform(0, 1000, (N, 2))


def graph(cells: np.ndarray, first: np.ndarray, second: np.ndarray) -> DistanceGraph:
    wanted = np.linalg.norm(cells[first] - cells[second], axis=1)
    return DistanceGraph(len(cells), first, second, wanted, np.ones(len(wanted)))


def sampled(cells: np.ndarray, share: float, seed: int = 0) -> DistanceGraph:
    first, second = np.triu_indices(len(cells), 1)
    kept = np.random.default_rng(seed).random(len(first)) < share
    return graph(cells, first[kept], second[kept])


def local(cells: np.ndarray, k: int) -> DistanceGraph:
    """Each cell with its nearest, no pair far apart."""
    ends = np.stack([np.repeat(np.arange(len(cells)), k), nearest(cells, k)[0].ravel()])
    return graph(cells, *np.unique(np.sort(ends, axis=0), axis=1))


def with_outliers(exact: DistanceGraph, share: float, seed: int = 1) -> DistanceGraph:
    """Some distances replaced by those of other pairs."""
    generator = np.random.default_rng(seed)
    wrong = generator.random(len(exact.distances)) < share
    distances = np.where(wrong, generator.permutation(exact.distances), exact.distances)
    return DistanceGraph(exact.n, exact.first, exact.second, distances, exact.weights)


@pytest.mark.parametrize("seed", range(3))
def test_a_layout_comes_back_from_a_tenth_of_its_distances_with_outliers(seed: int) -> None:
    cells = np.random.default_rng(seed).uniform(0, 1000, (N, 2))
    found = solve_graph(with_outliers(sampled(cells, 0.1, seed), 0.05, seed))
    assert procrustes_error(cells, found.places) < 1e-8
    assert found.residual_median < 0.1
    assert found.residual_max > 100


def test_distances_between_near_cells_alone_are_enough() -> None:
    found = solve_graph(local(CELLS, 12))
    assert procrustes_error(CELLS, found.places) < 1e-10
    assert found.stress < 1e-5
    assert not found.loose.any()
    assert found.converged


def test_distances_with_noise_give_places_with_less() -> None:
    exact = sampled(CELLS, 0.1)
    noisy = exact.distances + 50 * np.random.default_rng(2).normal(size=len(exact.distances))
    distances = DistanceGraph(N, exact.first, exact.second, np.abs(noisy), exact.weights)
    places = solve_graph(distances).places
    off = fit_pose(places, CELLS, scaling=False).apply(places) - CELLS
    assert np.sqrt((off**2).sum(axis=1).mean()) < 25


def test_permuting_the_cells_permutes_the_places() -> None:
    order = np.random.default_rng(4).permutation(N)
    wanted = with_outliers(sampled(CELLS, 0.1), 0.05)
    number = np.argsort(order)
    mixed = DistanceGraph(
        N, number[wanted.first], number[wanted.second], wanted.distances, wanted.weights
    )
    one, other = solve_graph(wanted).places, solve_graph(mixed).places
    assert procrustes_error(one[order], other) < 1e-8


def pieces() -> tuple[DistanceGraph, list[np.ndarray]]:
    """A large and a small piece, a pair, and cells that nothing ties."""
    groups = [np.arange(200, 400), np.arange(100), np.array([150, 151])]
    first, second = zip(*(g[np.stack(np.triu_indices(len(g), 1))] for g in groups), strict=True)
    return graph(CELLS, np.concatenate(first), np.concatenate(second)), groups


def check_pieces(found: GlobalSolution, groups: list[np.ndarray]) -> None:
    for number, group in enumerate(groups):
        assert (found.pieces[group] == number).all()
        own, true = found.places[group], CELLS[group]
        for layout in (own, true):
            layout -= layout.mean(axis=0)
        np.testing.assert_allclose(own @ own.T, true @ true.T, atol=1)
    assert found.loose.sum() == N - len(groups[0])


def test_pieces_are_solved_each_and_packed_side_by_side() -> None:
    wanted, groups = pieces()
    found = solve_graph(wanted)
    boxes = [
        (found.places[found.pieces == p].min(axis=0), found.places[found.pieces == p].max(axis=0))
        for p in np.unique(found.pieces)
    ]
    for a, (low, high) in enumerate(boxes):
        for other_low, other_high in boxes[a + 1 :]:
            assert (high < other_low).any() or (other_high < low).any()
    check_pieces(found, groups)


def test_pieces_are_laid_over_a_rough_layout_where_there_is_one() -> None:
    wanted, groups = pieces()
    rough = CELLS + 30 * np.random.default_rng(3).normal(size=CELLS.shape)
    found = solve_graph(wanted, fallback=rough)
    off = np.linalg.norm(found.places - CELLS, axis=1)
    assert off[groups[0]].max() < 15 and off[groups[1]].max() < 25
    alone = np.setdiff1d(np.arange(N), np.concatenate(groups))
    np.testing.assert_allclose(found.places[alone], rough[alone], atol=1e-9)
    check_pieces(found, groups)


def test_no_distance_at_all_leaves_the_rough_layout() -> None:
    none = graph(CELLS, np.empty(0, int), np.empty(0, int))
    found = solve_graph(none, fallback=CELLS)
    np.testing.assert_allclose(found.places, CELLS)
    assert found.stress == 0 and found.iterations == 0


def test_cells_on_a_line_stay_on_it() -> None:
    line = np.outer(np.arange(60.0), [1, 2])
    found = solve_graph(sampled(line, 0.5))
    assert procrustes_error(line, found.places) < 1e-5


def test_a_cell_on_the_wrong_side_is_put_right_where_descent_would_leave_it() -> None:
    wanted = local(CELLS, 6)
    flipped = CELLS.copy()
    near = wanted.symmetric(wanted.weights)[7].indices
    flipped[7] = 2 * CELLS[near].mean(axis=0) - CELLS[7]
    np.testing.assert_allclose(Trilateration(wanted).move(flipped, 50.0), CELLS, atol=1e-3)


def test_the_gradient_is_that_of_the_objective() -> None:
    pairs = HuberPairs(with_outliers(sampled(CELLS[:20], 0.8), 0.3))
    generator = np.random.default_rng(5)
    y, anchor, along = (generator.normal(scale=300, size=(20, 2)) for _ in range(3))
    step = 1e-6 * along
    value, gradient = pairs.evaluate(y, 40.0, anchor, 0.2)
    ahead = pairs.evaluate(y + step, 40.0, anchor, 0.2)[0]
    behind = pairs.evaluate(y - step, 40.0, anchor, 0.2)[0]
    assert (ahead - behind) / 2 == pytest.approx(float((gradient * step).sum()), rel=1e-5)
    r = np.abs(pairs.residuals(y))
    huber = np.where(r <= 40, r**2, 80 * r - 1600).sum() + 0.2 * ((y - anchor) ** 2).sum()
    assert value == pytest.approx(huber)


def test_landmark_isomap_is_exact_where_all_distances_are_known() -> None:
    distances = sampled(CELLS, 1.0).matrix
    layout = landmark_isomap(csr_matrix(distances), 20, np.random.default_rng(0))
    assert procrustes_error(CELLS, layout) < 1e-12


def test_the_same_seed_gives_the_same_bytes() -> None:
    wanted = sampled(CELLS, 0.1)
    first, second = solve_graph(wanted).places, solve_graph(wanted).places
    assert first.tobytes() == second.tobytes()


def test_the_user_sees_the_stress_and_can_stop() -> None:
    seen: list[Progress] = []
    solve_graph(sampled(CELLS, 0.1), reporter=Reporter(seen.append, interval_s=0))
    assert "stress" in seen[-1].metrics
    for after in (0, 3, 40):
        asked = iter(range(10**6))
        stop = Reporter(should_stop=lambda asked=asked, after=after: next(asked) >= after)
        with pytest.raises(Stopped):
            solve_graph(sampled(CELLS, 0.1), reporter=stop)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"delta": 0.0}, "δ and anchor above 0"),
        ({"landmarks": 2}, "at least 3 landmarks"),
        ({"fallback": CELLS[:5]}, "finite fallback"),
        ({"fallback": np.full((N, 2), np.nan)}, "finite fallback"),
    ],
)
def test_bad_requests_are_refused(options: dict, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        solve_graph(sampled(CELLS, 0.1), **options)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"first": np.array([0, 1])}, "one length"),
        ({"second": np.array([9])}, "from 0 to 4"),
        ({"second": np.array([0])}, "different cells"),
        ({"distances": np.array([-1.0])}, "at least 0"),
        ({"weights": np.array([0.0])}, "above 0"),
    ],
)
def test_graphs_that_make_no_sense_are_refused(change: dict, problem: str) -> None:
    content = {
        "n": 5,
        "first": np.array([0]),
        "second": np.array([1]),
        "distances": np.ones(1),
        "weights": np.ones(1),
    }
    with pytest.raises(InputError, match=problem):
        DistanceGraph(**(content | change))
