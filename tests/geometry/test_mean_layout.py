from __future__ import annotations

import numpy as np
import pytest

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.mean_layout import mean_layout
from napari_spatialrecon.geometry.procrustes import fit_pose, procrustes_error

CELLS = np.random.default_rng(5).normal(size=(50, 2)) * [3, 1]


def posed(noise: float, d: int = 2, seed: int = 0) -> list[np.ndarray]:
    """Four layouts of the same cells, each turned or turned over, shifted and noisy."""
    generator = np.random.default_rng(seed)
    cells = np.hstack([CELLS, np.zeros((50, d - 2))])
    return [
        (cells + noise * generator.normal(size=cells.shape))
        @ np.linalg.qr(generator.normal(size=(d, d)))[0]
        + generator.normal(size=d)
        for _ in range(4)
    ]


@pytest.mark.parametrize("d", [2, 5])
def test_poses_do_not_matter_and_the_mean_has_the_first_ones(d: int) -> None:
    layouts = posed(0.0, d)
    mean, spread = mean_layout(layouts)
    np.testing.assert_allclose(mean, layouts[0] - layouts[0].mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(spread, 0, atol=1e-20)


def test_the_mean_is_nearer_to_the_truth_than_any_layout() -> None:
    layouts = posed(0.2)
    mean, spread = mean_layout(layouts)
    assert procrustes_error(CELLS, mean) < min(procrustes_error(CELLS, y) for y in layouts)
    assert 0.04 < spread.mean() < 0.08


def test_it_is_the_loop_of_poses_fitted_to_the_mean() -> None:
    layouts = [y - y.mean(axis=0) for y in posed(0.3)]
    mean = layouts[0]
    for _ in range(5):
        layouts = [fit_pose(y, mean, scaling=False).apply(y) for y in layouts]
        mean = np.mean(layouts, axis=0)
    found, spread = mean_layout(posed(0.3))
    np.testing.assert_allclose(found, mean, atol=1e-12)
    wanted = np.mean([((y - mean) ** 2).sum(axis=1) for y in layouts], axis=0)
    np.testing.assert_allclose(spread, wanted, atol=1e-12)


def test_a_layout_of_weight_three_counts_as_three() -> None:
    layouts = posed(0.3)
    weighted = mean_layout(layouts[:2], [3, 1])
    repeated = mean_layout([layouts[0]] * 3 + [layouts[1]])
    for one, other in zip(weighted, repeated, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)


def test_one_layout_is_its_own_mean() -> None:
    mean, spread = mean_layout([CELLS + 9])
    np.testing.assert_allclose(mean, CELLS - CELLS.mean(axis=0), atol=1e-12)
    assert not spread.any()


@pytest.mark.parametrize("flat", [np.zeros((9, 2)), np.outer(np.arange(9.0), [1, 2])])
def test_layouts_in_one_point_or_on_a_line_are_no_error(flat: np.ndarray) -> None:
    mean, spread = mean_layout([flat, -flat])
    np.testing.assert_allclose(mean, flat - flat.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(spread, 0, atol=1e-12)


@pytest.mark.parametrize(
    ("layouts", "weights", "problem"),
    [
        ([], None, "none"),
        ([CELLS, CELLS[1:]], None, "one shape"),
        ([np.full((3, 2), np.nan)], None, "finite"),
        ([CELLS, CELLS], [1.0, 0.0], "above 0"),
        ([CELLS, CELLS], [1.0], "each of 2"),
    ],
)
def test_bad_layouts_are_refused(layouts: list, weights: list | None, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        mean_layout(layouts, weights)
