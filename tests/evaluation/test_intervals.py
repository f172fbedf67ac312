"""Statistics of drawn blocks, and their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from napari_spatialrecon.evaluation.intervals import (
    block_draws,
    correlation_of,
    interval,
    mean_of,
    median_of,
    stress_of,
)

RNG = np.random.default_rng(0)
BLOCKS = np.repeat(np.arange(6), 5)
#: Each block once; and the third twice, the fifth not at all.
WEIGHTS = np.array([[1.0] * 6, [1, 1, 2, 1, 0, 1]])
DRAWN = np.concatenate([np.flatnonzero(b == BLOCKS) for b in (0, 1, 2, 2, 3, 5)])


def test_means_and_medians_are_those_of_the_items_of_the_blocks_drawn():
    items = RNG.exponential(size=30)
    for statistic, plain in ((mean_of, np.mean), (median_of, np.median)):
        found = statistic(items, BLOCKS)(WEIGHTS)
        assert found == pytest.approx([plain(items), plain(items[DRAWN])])


def test_correlations_are_those_of_the_rows_of_the_blocks_drawn():
    truth = RNG.normal(size=(30, 3))
    found = truth + RNG.normal(size=(30, 3))
    found[:, 2] = 4.0
    values = correlation_of(found, truth, BLOCKS)(WEIGHTS)
    for value, rows in zip(values, (np.arange(30), DRAWN), strict=True):
        columns = [np.corrcoef(found[rows, g], truth[rows, g])[0, 1] for g in range(2)]
        assert value == pytest.approx(sum(columns) / 3)


def test_the_stress_is_that_of_all_pairs_whatever_the_size_of_the_layout():
    true = RNG.normal(size=(30, 2))
    found = 7.0 * true + RNG.normal(size=(30, 2))
    k, g = pdist(true), pdist(found)
    factor = (g @ k) / (g @ g)
    wanted = np.sqrt(((factor * g - k) ** 2).sum() / (k**2).sum())
    stress = stress_of([(true, found, BLOCKS)])
    assert stress(WEIGHTS[:1]) == pytest.approx([wanted])
    assert stress_of([(true, -3 * true, BLOCKS)])(WEIGHTS) == pytest.approx([0, 0], abs=1e-6)
    two = stress_of([(true, found, BLOCKS), (true, true, BLOCKS + 6)])
    assert two(np.ones((1, 12))) == pytest.approx([wanted / 2])


def test_items_of_a_block_that_behave_alike_make_the_interval_wide():
    alike = RNG.normal(size=6)[BLOCKS] + 0.01 * RNG.normal(size=30)
    apart = np.arange(30)

    def width(blocks):
        n = blocks.max() + 1
        found = interval(mean_of(alike, blocks)(block_draws(n, 0)), n)
        assert found.low < found.value < found.high
        return found.high - found.low

    assert width(BLOCKS) > 1.6 * width(apart)
    again = block_draws(6, 3)
    np.testing.assert_array_equal(again, block_draws(6, 3))
    assert (again.sum(axis=1) == 6).all()


@pytest.mark.parametrize("n_blocks", [3, 10])
def test_an_interval_over_few_blocks_that_say_nothing_rarely_excludes_nothing(n_blocks):
    blocks, draws = np.arange(n_blocks), block_draws(n_blocks, 0)
    found = [
        interval(mean_of(x, blocks)(draws), n_blocks) for x in RNG.normal(size=(400, n_blocks))
    ]
    assert np.mean([not one.low <= 0 <= one.high for one in found]) < 0.09
    held = interval(mean_of(RNG.exponential(size=3), np.arange(3))(block_draws(3, 0)), 3, 0.0, 9.0)
    assert held.low >= 0.0 and held.high <= 9.0
