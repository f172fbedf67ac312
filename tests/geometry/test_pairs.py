from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.spatial.distance import pdist

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry import pairs as pairs_module
from napari_spatialrecon.geometry.columns import ColumnPairs
from napari_spatialrecon.geometry.pairs import MaskedPairs, Pairs

N = 60
RNG = np.random.default_rng(0)
LATENT = RNG.normal(size=(N, 3))
LAYOUT = RNG.normal(size=(N, 2))
NONE = np.zeros(N, bool)


def masked(share: float = 0.3) -> MaskedPairs:
    return MaskedPairs(LATENT, np.random.default_rng(1).random((N, N)) < share, RNG)


def columns(count: int, exact: np.ndarray = NONE, seed: int = 0) -> ColumnPairs:
    drawn = np.random.default_rng(seed).choice(np.flatnonzero(~exact), count, replace=False)
    return ColumnPairs(LATENT, np.concatenate([np.flatnonzero(exact), drawn]), exact)


def test_all_columns_are_the_full_problem() -> None:
    full = columns(N)
    assert full.evaluate(LAYOUT)[0] == pytest.approx(((pdist(LATENT) - pdist(LAYOUT)) ** 2).sum())
    assert full.total == pytest.approx((pdist(LATENT) ** 2).sum())
    np.testing.assert_allclose(full.degrees, N - 1)


def test_a_mask_of_all_pairs_is_the_full_problem() -> None:
    everything = MaskedPairs(LATENT, np.ones((N, N)), RNG)
    full = columns(N)
    np.testing.assert_allclose(everything.evaluate(LAYOUT)[0], full.evaluate(LAYOUT)[0])
    np.testing.assert_allclose(everything.evaluate(LAYOUT)[1], full.evaluate(LAYOUT)[1])


@pytest.mark.parametrize("exact", [0, 5])
def test_the_sampled_stress_has_no_bias(exact: int) -> None:
    landmarks = np.arange(N) < exact
    draws = [columns(8, landmarks, seed).evaluate(LAYOUT)[0] for seed in range(400)]
    true = ((pdist(LATENT) - pdist(LAYOUT)) ** 2).sum()
    assert np.mean(draws) == pytest.approx(true, abs=4 * np.std(draws) / 20)
    assert np.std(draws) < 0.2 * true


@pytest.mark.parametrize("pairs", [columns(N), columns(10, np.arange(N) < 4), masked()])
def test_the_gradient_is_that_of_the_stress(pairs: Pairs) -> None:
    direction = RNG.normal(size=(N, 2))
    step = 1e-3 if isinstance(pairs, ColumnPairs) else 1e-6
    rise = (
        pairs.evaluate(LAYOUT + step * direction)[0] - pairs.evaluate(LAYOUT - step * direction)[0]
    )
    slope = float(np.vdot(pairs.evaluate(LAYOUT)[1], direction))
    assert rise / (2 * step) == pytest.approx(slope, rel=2e-3)


@pytest.mark.parametrize("pairs", [columns(N), columns(10, np.arange(N) < 4), masked()])
@pytest.mark.parametrize("fixed", [0, 4])
def test_a_step_of_the_metric_is_the_guttman_transform_and_lowers_the_stress(
    pairs: Pairs, fixed: int
) -> None:
    free = np.arange(N) >= fixed
    pull = np.where(np.arange(N) == 20, 50.0, 0.0) * (fixed > 0)
    stress, gradient = pairs.evaluate(LAYOUT)
    gradient[~free] = 0
    step = pairs.preconditioner(free, pull)(gradient)
    assert not step[~free].any()
    assert pairs.evaluate(LAYOUT - step / 2)[0] < stress


def test_the_closed_form_solves_the_laplacian_of_the_weights() -> None:
    landmarks = np.arange(N) < 4
    sampled = columns(10, landmarks)
    kinds = 2 * landmarks + np.isin(np.arange(N), sampled._columns)
    weights = sampled._weights[kinds][:, kinds]
    np.fill_diagonal(weights, 0)
    laplacian = np.diag(weights.sum(axis=1)) - weights
    pull = np.where(np.arange(N) == 30, 7.0, 0.0)
    free = ~landmarks
    solved = sampled.preconditioner(free, pull)(LAYOUT)
    matrix = (laplacian + np.diag(pull))[np.ix_(free, free)]
    np.testing.assert_allclose(matrix @ solved[free], LAYOUT[free], atol=1e-9)
    np.testing.assert_allclose(sampled.degrees, weights.sum(axis=1))


def test_a_crowded_mask_is_thinned_without_bias(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs_module, "_MOST_A_CELL", 5)
    thinned = [
        MaskedPairs(LATENT, np.ones((N, N)), np.random.default_rng(s)).evaluate(LAYOUT)[0]
        for s in range(200)
    ]
    true = ((pdist(LATENT) - pdist(LAYOUT)) ** 2).sum()
    assert np.mean(thinned) == pytest.approx(true, rel=0.02)


def test_a_mask_that_does_not_fit_or_is_empty_is_refused() -> None:
    with pytest.raises(InputError, match="60 x 60"):
        MaskedPairs(LATENT, np.ones((3, 3)), RNG)
    with pytest.raises(InputError, match="at least one pair"):
        MaskedPairs(LATENT, csr_matrix(np.eye(N)), RNG)
