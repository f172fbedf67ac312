from __future__ import annotations

import numpy as np
import pytest

from napari_spatialrecon.errors import InputError, Stopped
from napari_spatialrecon.geometry.patchwork.global_solve import solve_graph
from napari_spatialrecon.geometry.patchwork.locality import locality_graph
from napari_spatialrecon.geometry.patchwork.patches import cover
from napari_spatialrecon.geometry.patchwork.stitching import Stitched, stitch
from napari_spatialrecon.geometry.procrustes import fit_pose, procrustes_error
from napari_spatialrecon.progress import Reporter

N = 800
CELLS = np.random.default_rng(0).uniform(0, 500, (N, 2))
PATCHES = cover(locality_graph(CELLS, k=20).graph, 128)
EXTENT = 500.0


def layouts(noise: float = 0.0, d: int = 2, seed: int = 1) -> np.ndarray:
    """The patches' true places, each in a pose of its own, and noise in each."""
    generator = np.random.default_rng(seed)
    found = []
    for patch in PATCHES:
        places = np.zeros((len(patch), d))
        places[:, :2] = CELLS[patch]
        places += noise * generator.normal(size=places.shape)
        turn = np.linalg.qr(generator.normal(size=(d, d)))[0]
        found.append(places @ turn + 100 * generator.normal(size=d))
    return np.stack(found)


def true_distances(found: Stitched, cells: np.ndarray = CELLS) -> np.ndarray:
    return np.linalg.norm(cells[found.graph.first] - cells[found.graph.second], axis=1)


def error(places: np.ndarray, cells: np.ndarray = CELLS) -> float:
    """Root mean square distance to the truth after the best rigid pose."""
    posed = fit_pose(places, cells, scaling=False).apply(places)
    return float(np.sqrt(((posed - cells) ** 2).sum(axis=1).mean()))


@pytest.mark.parametrize("d", [2, 4, 32])
def test_exact_patches_in_any_pose_give_exact_places(d: int) -> None:
    found = stitch(PATCHES, layouts(d=d), N)
    np.testing.assert_allclose(found.graph.distances, true_distances(found), atol=1e-9)
    assert not found.pieces.any()
    np.testing.assert_allclose(found.reliability, 1, atol=1e-6)
    solved = solve_graph(found.graph)
    assert procrustes_error(CELLS, solved.places) < 1e-12
    assert error(solved.places) < 1e-5 * EXTENT
    assert solved.stress < 1e-6


def test_noise_in_the_patches_is_averaged_out() -> None:
    noise = 0.05 * EXTENT
    single = np.sqrt(2) * noise
    solved = solve_graph(stitch(PATCHES, layouts(noise), N).graph)
    assert error(solved.places) < 0.7 * single


def test_a_corrupted_patch_counts_less() -> None:
    places = layouts(2.0)
    places[3] = np.random.default_rng(2).permutation(places[3])
    found = stitch(PATCHES, places, N)
    others = np.arange(len(PATCHES)) != 3
    assert found.disagreement[3] > 3 * found.disagreement[others].max()
    assert found.reliability[3] < 0.2 * found.reliability[others].min()
    assert error(solve_graph(found.graph).places) < 1.2 * np.sqrt(2) * 2.0


def test_disagreement_is_the_mean_change_of_log_distances() -> None:
    patches = [np.arange(0, 60), np.arange(40, 100)]
    found = stitch(patches, [CELLS[:60], 1.2 * CELLS[40:100]], 100)
    np.testing.assert_allclose(found.disagreement, np.log(1.2), rtol=1e-9)
    np.testing.assert_allclose(found.reliability, np.exp(-1), rtol=1e-9)
    np.testing.assert_array_equal(found.support, 1 + np.isin(np.arange(100), np.arange(40, 60)))


def test_patches_that_share_fewer_than_five_cells_are_not_compared() -> None:
    found = stitch([np.arange(54), np.arange(50, 100)], [CELLS[:54], CELLS[50:100]], 100)
    assert np.isnan(found.disagreement).all()
    np.testing.assert_array_equal(found.reliability, 1)


def test_the_distance_is_the_median_weighted_by_reliability() -> None:
    sizes = np.array([1.0, 1.0, 1.0, 1.1, 1.2, 1.5])
    patches = np.tile(np.arange(60), (6, 1))
    found = stitch(patches, sizes[:, None, None] * CELLS[:60], 60)
    order, upto = np.sort(sizes), np.cumsum(found.reliability)
    half = upto[-1] / 2
    lower = order[np.searchsorted(upto, half - 1e-12)]
    upper = order[np.searchsorted(upto, half + 1e-12)]
    assert (lower + upper) / 2 == 1.0 < np.median(sizes)
    np.testing.assert_allclose(found.graph.distances, true_distances(found))


def test_two_equal_measurements_meet_in_the_middle() -> None:
    patches = np.tile(np.arange(50), (2, 1))
    found = stitch(patches, [CELLS[:50], 1.2 * CELLS[:50]], 50)
    np.testing.assert_allclose(found.graph.distances, 1.1 * true_distances(found))


def test_distances_on_which_patches_differ_are_left_out() -> None:
    places = np.tile(CELLS[:60], (4, 1, 1))
    places[1:, 0] = np.array([[-2e3, 0], [8e3, 8e3], [0, -6e4]])
    found = stitch(np.tile(np.arange(60), (4, 1)), places, 60)
    assert found.weak.tolist() == [True] + [False] * 59
    steady = (found.graph.first > 0) & (found.graph.second > 0)
    assert (~steady).any()
    assert found.graph.weights[~steady].max() < 0.5 * found.graph.weights[steady].min()


def test_cells_measured_once_keep_those_distances_and_are_flagged() -> None:
    patches = [np.arange(0, 60), np.arange(40, 100)]
    found = stitch(patches, [CELLS[:60], CELLS[40:100]], 100)
    np.testing.assert_array_equal(found.weak, found.support < 2)
    assert not found.pieces.any()
    assert procrustes_error(CELLS[:100], solve_graph(found.graph).places) < 1e-12


def test_one_patch_is_its_own_answer() -> None:
    found = stitch([np.arange(200)], [CELLS[:200]], 200)
    assert not found.weak.any()
    assert procrustes_error(CELLS[:200], solve_graph(found.graph).places) < 1e-12


@pytest.mark.parametrize("n", [1, 2, 3])
def test_very_few_cells_are_placed(n: int) -> None:
    found = stitch([np.arange(n)], [CELLS[:n]], n)
    assert len(found.graph.first) == n * (n - 1) // 2
    places = solve_graph(found.graph).places
    np.testing.assert_allclose(
        np.linalg.norm(places - places[0], axis=1),
        np.linalg.norm(CELLS[:n] - CELLS[0], axis=1),
        rtol=1e-4,
    )


def test_patches_without_a_common_cell_make_pieces() -> None:
    found = stitch([np.arange(60), np.arange(60, 100)], [CELLS[:60], CELLS[60:100]], 103)
    assert found.pieces[:60].tolist() == [0] * 60
    assert found.pieces[60:100].tolist() == [1] * 40
    assert sorted(found.pieces[100:].tolist()) == [2, 3, 4]
    assert found.support[100:].tolist() == [0, 0, 0]


def test_permuting_the_cells_permutes_the_distances_and_the_places() -> None:
    order = np.random.default_rng(4).permutation(N)
    place_of = np.argsort(order)
    places = layouts(5.0)
    straight, mixed = stitch(PATCHES, places, N), stitch(place_of[PATCHES], places, N)
    matrix = straight.graph.matrix
    np.testing.assert_allclose(mixed.graph.matrix.toarray(), matrix[order][:, order].toarray())
    np.testing.assert_array_equal(mixed.support, straight.support[order])
    one, other = solve_graph(straight.graph).places, solve_graph(mixed.graph).places
    assert procrustes_error(one[order], other) < 1e-4


def test_places_do_not_depend_on_the_order_of_the_patches() -> None:
    places, order = layouts(5.0), np.random.default_rng(4).permutation(len(PATCHES))
    one = solve_graph(stitch(PATCHES, places, N).graph).places
    other = solve_graph(stitch(PATCHES[order], places[order], N).graph).places
    assert procrustes_error(one, other) < 0.002


def test_patches_of_any_size_and_a_list_are_taken() -> None:
    batch = stitch(PATCHES, layouts(), N)
    listed = stitch(list(PATCHES), list(layouts()), N)
    np.testing.assert_array_equal(batch.graph.distances, listed.graph.distances)
    assert batch.graph.distances.tobytes() == listed.graph.distances.tobytes()


def test_cells_all_alike_are_placed_in_one_point() -> None:
    found = stitch(PATCHES, np.zeros((*PATCHES.shape, 2)), N)
    assert not found.pieces.any()
    solved = solve_graph(found.graph)
    np.testing.assert_array_equal(solved.places, 0)
    assert solved.stress == 0


@pytest.mark.parametrize(
    ("patches", "places", "problem"),
    [
        ([], [], "at least one patch"),
        ([np.arange(3)], [np.zeros((4, 2))], "one row per cell"),
        ([np.arange(3), np.arange(3)], [np.zeros((3, 2)), np.zeros((3, 3))], "of one d"),
        ([np.arange(3)], [np.full((3, 2), np.nan)], "1 patches"),
        ([np.array([0, 1, 10])], [np.eye(3)], "from 0 to 9"),
        ([np.array([0, 1, 1])], [np.eye(3)], "twice"),
    ],
)
def test_patches_that_do_not_fit_are_refused(patches: list, places: list, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        stitch(patches, places, 10)


def test_the_user_can_stop_the_stitching() -> None:
    with pytest.raises(Stopped):
        stitch(PATCHES, layouts(), N, reporter=Reporter(should_stop=lambda: True))
