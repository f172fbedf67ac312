from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.spatial.distance import pdist

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry import pairs as pairs_module
from napari_spatialrecon.geometry.pairs import MaskedPairs, Pairs
from napari_spatialrecon.geometry.solver.all_pairs import AllPairs
from napari_spatialrecon.geometry.solver.circle import Circle

N = 60
RNG = np.random.default_rng(0)
LATENT = RNG.normal(size=(N, 3))
LAYOUT = RNG.normal(size=(N, 2))
FULL = AllPairs(LATENT, np.arange(N), None)


def masked() -> MaskedPairs:
    return MaskedPairs(LATENT, np.random.default_rng(1).random((N, N)) < 0.3, RNG)


def sampled(partners: int, exact: int = 0, seed: int = 0) -> AllPairs:
    circle = Circle(LATENT, partners, np.random.default_rng(seed))
    return AllPairs(LATENT, np.arange(exact), circle)


def test_with_every_cell_exact_all_pairs_are_there_once() -> None:
    assert FULL.evaluate(LAYOUT)[0] == pytest.approx(((pdist(LATENT) - pdist(LAYOUT)) ** 2).sum())
    assert FULL.total == pytest.approx((pdist(LATENT) ** 2).sum())


def test_a_mask_of_all_pairs_is_the_full_problem() -> None:
    everything = MaskedPairs(LATENT, np.ones((N, N)), RNG)
    np.testing.assert_allclose(everything.evaluate(LAYOUT)[0], FULL.evaluate(LAYOUT)[0])
    np.testing.assert_allclose(everything.evaluate(LAYOUT)[1], FULL.evaluate(LAYOUT)[1])
    np.testing.assert_allclose(everything.degrees, FULL.degrees)


@pytest.mark.parametrize("exact", [0, 5])
def test_the_sampled_stress_has_no_bias(exact: int) -> None:
    draws = [sampled(4, exact, seed).evaluate(LAYOUT)[0] for seed in range(400)]
    totals = [sampled(4, exact, seed).total for seed in range(400)]
    true = ((pdist(LATENT) - pdist(LAYOUT)) ** 2).sum()
    assert np.mean(draws) == pytest.approx(true, abs=4 * np.std(draws) / 20)
    assert np.std(draws) < 0.2 * true
    assert np.mean(totals) == pytest.approx(FULL.total, rel=0.02)


def test_each_cell_has_as_many_partners() -> None:
    one = Circle(LATENT, 7, RNG)
    pairs = {
        frozenset((int(a), int(b)))
        for step in one._steps
        for a, b in zip(one._order, np.roll(one._order, -step), strict=True)
    }
    assert len(pairs) == 7 * N
    assert np.array_equal(np.bincount([c for pair in pairs for c in pair]), np.full(N, 14))


@pytest.mark.parametrize("pairs", [FULL, sampled(10, 4), masked()])
def test_the_gradient_is_that_of_the_stress(pairs: Pairs) -> None:
    direction = RNG.normal(size=(N, 2))
    step = 1e-6 if isinstance(pairs, MaskedPairs) else 1e-3
    above, _ = pairs.evaluate(LAYOUT + step * direction)
    below, _ = pairs.evaluate(LAYOUT - step * direction)
    slope = float(np.vdot(pairs.evaluate(LAYOUT)[1], direction))
    assert (above - below) / (2 * step) == pytest.approx(slope, rel=1e-2)


@pytest.mark.parametrize("pairs", [FULL, sampled(10, 4), masked()])
@pytest.mark.parametrize("fixed", [0, 4])
def test_a_guttman_step_lowers_the_stress_and_leaves_fixed_cells(pairs: Pairs, fixed: int) -> None:
    free = np.arange(N) >= fixed
    pull = np.where(np.arange(N) == 20, 50.0, 0.0) * (fixed > 0)
    stress, gradient = pairs.evaluate(LAYOUT)
    gradient[~free] = 0
    step = pairs.preconditioner(free, pull)(gradient)
    assert not step[~free].any()
    assert pairs.evaluate(LAYOUT - step / 2)[0] < stress


@pytest.mark.parametrize("fixed", [0, 4])
def test_the_metric_is_inverted_exactly(fixed: int) -> None:
    free = np.arange(N) >= fixed
    pull = np.where(np.arange(N) == 30, 7.0, 0.0) * (fixed > 0)
    residual = LAYOUT - LAYOUT.mean(axis=0)
    solved = FULL.preconditioner(free, pull)(residual)
    laplacian = N * np.eye(N) - 1 + np.diag(pull)
    np.testing.assert_allclose((laplacian @ solved)[free], residual[free], atol=1e-9)


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
