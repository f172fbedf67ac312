"""Metrics of places: against a slow, plain reading of the definitions, and their invariances."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import procrustes
from scipy.spatial.distance import pdist, squareform
from scipy.stats import pearsonr, spearmanr, wasserstein_distance
from sklearn.manifold import trustworthiness
from sklearn.metrics import average_precision_score, roc_auc_score

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.place_metrics import place_metrics, runaways

NOT_OF_LAYOUT = {"scale", "points", "pairs", "k", "r20"}


def naive(true: np.ndarray, predicted: np.ndarray, k: int = 20) -> dict[str, float]:
    t, p = (a - a.mean(0) for a in (true, predicted))
    t, p = (a / np.sqrt((a**2).sum(1).mean()) for a in (t, p))
    dt, dp = pdist(t), pdist(p)
    scaled = dp * (dt @ dp) / (dp @ dp)
    square_t, square_p = squareform(dt), squareform(scaled)
    np.fill_diagonal(square_t, np.inf)
    np.fill_diagonal(square_p, np.inf)
    near_t, near_p = np.argsort(square_t)[:, :k], np.argsort(square_p)[:, :k]
    row = np.arange(len(t))
    radius = square_t[row, near_t[:, -1]]
    r20 = np.median(radius)
    edge = dt <= r20
    weight = np.where(edge, 1 / edge.sum(), 1 / (~edge).sum())
    shells = []
    for s in range(int(np.ceil(np.quantile(dt, 0.95) / r20))):
        a = (dt > s * r20) & (dt <= (s + 1) * r20)
        b = (scaled > s * r20) & (scaled <= (s + 1) * r20)
        shells.append(2 * (a & b).sum() / max(a.sum() + b.sum(), 1))
    same = np.take_along_axis(square_p, near_t, 1)
    gap = same - np.take_along_axis(square_t, near_t, 1)
    local_t = np.take_along_axis(square_t, near_t, 1).ravel()
    w1 = wasserstein_distance(local_t, np.take_along_axis(square_p, near_p, 1).ravel())
    return {
        "spearman": spearmanr(dt, dp)[0],
        "pearson": pearsonr(dt, dp)[0],
        "stress1": np.sqrt(((scaled - dt) ** 2).sum() / (dt**2).sum()),
        "edge_auc": roc_auc_score(edge, -dp),
        "bap": average_precision_score(edge, -dp, sample_weight=weight),
        "shell_f1": np.mean(shells),
        "trust20": trustworthiness(t, p, n_neighbors=k),
        "cont20": trustworthiness(p, t, n_neighbors=k),
        "knn_recall20": np.mean([len({*a} & {*b}) for a, b in zip(near_t, near_p)]) / k,
        "cal_err20": np.abs(square_p[row, near_t[:, -1]] / radius - 1).mean(),
        "lrmse20": np.sqrt((gap**2).mean()) / r20,
        "w1_knn": w1,
        "w1_knn_r20": w1 / r20,
        "procrustes": procrustes(true, predicted)[2],
    }


def layouts() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    tissue = rng.normal(size=(300, 2)) * [300, 100] + 5000
    grid = np.stack(np.meshgrid(np.arange(18), np.arange(16)), -1).reshape(-1, 2) * 1.0
    ring = np.c_[np.cos(np.arange(250)), np.sin(np.arange(250))] * rng.random((250, 1)) ** 0.2
    return {
        "noise": (tissue, tissue + rng.normal(size=tissue.shape) * 40),
        "unrelated": (tissue, rng.random((300, 2))),
        "shrunk ring": (ring, ring * 0.01 + rng.normal(size=ring.shape) * 0.002),
        "jittered grid": (grid + 0.01 * rng.random(grid.shape), grid + rng.random(grid.shape)),
        "squeezed": (tissue, tissue * [1, 0.2]),
    }


@pytest.mark.parametrize("name", layouts())
def test_metrics_agree_with_a_plain_reading_of_their_definitions(name: str) -> None:
    true, predicted = layouts()[name]
    found, expected = place_metrics(true, predicted), naive(true, predicted)
    assert {m: found[m] for m in expected} == pytest.approx(expected, abs=1e-3)


def test_a_perfect_layout_scores_one_or_zero() -> None:
    true = layouts()["noise"][0]
    found = place_metrics(true, true)
    best = ("spearman", "pearson", "edge_auc", "bap", "shell_f1", "trust20", "cont20")
    assert [found[m] for m in (*best, "knn_recall20")] == pytest.approx([1.0] * 8, abs=1e-6)
    worst = ("stress1", "cal_err20", "lrmse10", "lrmse100", "swd", "swd_min", "w1_knn")
    assert [found[m] for m in (*worst, "procrustes")] == pytest.approx([0.0] * 8, abs=1e-6)
    assert found["scale"] == pytest.approx(1)


def test_a_perfect_lattice_scores_one_in_any_pose_although_its_distances_are_tied() -> None:
    grid = np.stack(np.meshgrid(np.arange(15), np.arange(15)), -1).reshape(-1, 2) * 1.0
    turn = np.array([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]])
    found = place_metrics(grid, grid @ turn * 7)
    for metric in ("spearman", "bap", "shell_f1", "trust20", "cont20", "knn_recall20"):
        assert found[metric] == pytest.approx(1, abs=1e-6), metric


@pytest.mark.parametrize("pose", ["rotated", "mirrored", "scaled", "moved"])
def test_metrics_do_not_depend_on_the_pose(pose: str) -> None:
    true, predicted = layouts()["noise"]
    turn = np.array([[np.cos(2), -np.sin(2)], [np.sin(2), np.cos(2)]])
    posed = {
        "rotated": predicted @ turn,
        "mirrored": predicted * [-1, 1],
        "scaled": predicted * 1e-3,
        "moved": predicted + 1e5,
    }[pose]
    before, after = place_metrics(true, predicted), place_metrics(true, posed)
    kept = [m for m in before if m not in NOT_OF_LAYOUT]
    assert [after[m] for m in kept] == pytest.approx([before[m] for m in kept], abs=2e-4)
    assert after["scale"] == pytest.approx(before["scale"] * (1e3 if pose == "scaled" else 1))


def test_sliced_wasserstein_of_a_mirrored_and_turned_perfect_layout_is_zero() -> None:
    rng = np.random.default_rng(1)
    true = rng.random((400, 2)) ** 2 * [3, 1]
    turn = np.array([[np.cos(0.7), -np.sin(0.7)], [np.sin(0.7), np.cos(0.7)]])
    mirrored = place_metrics(true, true * [-1, 1] @ turn)
    assert mirrored["swd"] == pytest.approx(0, abs=1e-9)
    shuffled = place_metrics(true, rng.permutation(true) * [-1, 1] @ turn)
    assert shuffled["swd_min"] < 1e-3 < 0.02 < shuffled["swd"]


def test_shuffled_cells_score_chance() -> None:
    true = layouts()["noise"][0]
    found = place_metrics(true, np.random.default_rng(2).permutation(true))
    assert found["spearman"] == pytest.approx(0, abs=0.05)
    for metric in ("edge_auc", "bap", "trust20", "cont20"):
        assert found[metric] == pytest.approx(0.5, abs=0.05), metric
    assert found["knn_recall20"] == pytest.approx(20 / 299, abs=0.03)
    assert found["procrustes"] > 0.95


def test_cells_snapped_to_spots_gain_nothing_from_the_order_of_rows() -> None:
    rng = np.random.default_rng(3)
    true = rng.random((400, 2))
    true = true[np.lexsort(true.T)]
    snapped = np.floor(true * 3)
    shuffled = rng.permutation(400)
    found = place_metrics(true, snapped)
    again = place_metrics(true[shuffled], snapped[shuffled])
    assert found["trust20"] == pytest.approx(again["trust20"], abs=0.01)
    assert found["knn_recall20"] == pytest.approx(again["knn_recall20"], abs=0.02)
    assert found == place_metrics(true, snapped)


def test_one_per_cent_of_runaways_is_named_and_left_out_of_the_second_pearson() -> None:
    true, predicted = layouts()["noise"]
    away = predicted.copy()
    away[:3] += 30000
    found = place_metrics(true, away)
    assert found["outliers"] == pytest.approx(0.01)
    assert found["pearson"] < 0.5 < 0.9 < found["pearson_without_outliers"]
    assert place_metrics(true, predicted)["outliers"] == 0


def test_a_tenth_of_the_points_far_away_are_part_of_the_layout() -> None:
    points = np.random.default_rng(4).normal(size=(200, 2))
    points[:20] += 1000
    assert not runaways(points).any()


def test_beyond_the_limit_a_sample_is_measured_and_its_size_stated() -> None:
    rng = np.random.default_rng(5)
    true = rng.random((1500, 2))
    predicted = true + 0.05 * rng.normal(size=true.shape)
    whole, sampled = (place_metrics(true, predicted, max_points=n) for n in (5000, 700))
    assert (whole["points"], whole["pairs"]) == (1500, 1500 * 1499 / 2)
    assert (sampled["points"], sampled["pairs"]) == (700**2 // 1500, 700 * 699 / 2)
    kept = [m for m in whole if m not in NOT_OF_LAYOUT | {"shell_f1"}]
    assert [sampled[m] for m in kept] == pytest.approx([whole[m] for m in kept], rel=0.1, abs=0.02)
    assert sampled == place_metrics(true, predicted, max_points=700)
    assert sampled != place_metrics(true, predicted, max_points=700, seed=1)


def test_predictions_that_all_coincide_score_the_worst_and_are_not_dropped() -> None:
    true = layouts()["noise"][0]
    found = place_metrics(true, np.ones_like(true))
    assert (found["spearman"], found["pearson"], found["edge_auc"]) == (0, 0, 0.5)
    assert (found["stress1"], found["procrustes"], found["scale"]) == (1, 1, 0)
    assert all(np.isfinite(v) for v in found.values())


def test_few_points_shrink_the_neighbourhood_and_say_so() -> None:
    points = np.random.default_rng(6).random((9, 2))
    assert place_metrics(points, points)["k"] == 4


@pytest.mark.parametrize(
    ("true", "predicted"),
    [
        (np.ones((5, 2)), np.full((5, 2), np.nan)),
        (np.ones((5, 2)), np.eye(5, 2)),
        (np.eye(5, 2), np.eye(6, 2)),
        (np.eye(5, 3), np.eye(5, 3)),
        (np.eye(3, 2), np.eye(3, 2)),
    ],
    ids=["not finite", "truth in one place", "other length", "3-D", "too few"],
)
def test_unusable_places_are_refused(true: np.ndarray, predicted: np.ndarray) -> None:
    with pytest.raises(InputError, match="Expected"):
        place_metrics(true, predicted)
