"""Spread of imputed maps, calibrated on measured genes that were hidden."""

from __future__ import annotations

import numpy as np
import pytest

from napari_spatialrecon.methods.genes.map_errors import MapErrors, coverage, within


@pytest.fixture(scope="module")
def maps():
    """Maps of 40 genes in 200 spots, and a truth that differs most where a map is high."""
    rng = np.random.default_rng(0)
    found = rng.gamma(2.0, rng.uniform(0.2, 2.0, 40), (200, 40))
    height = (found - found.mean(axis=0)) / found.std(axis=0)
    truth = found + found.std(axis=0) * rng.normal(0, 0.3 + 0.3 * np.maximum(height, 0))
    return found.astype(np.float32), truth.astype(np.float32)


def test_two_spreads_hold_nineteen_of_twenty_values_of_genes_that_did_not_fit_them(maps):
    assert 0.94 < coverage(*maps) < 0.995
    found, truth = maps
    other = truth.copy()
    other[:, ::2] = np.random.default_rng(1).permutation(other[:, ::2])
    assert coverage(found, other) < 0.94


def test_the_spread_is_wider_where_errors_are_and_has_the_unit_of_the_map(maps):
    found, truth = maps
    errors = MapErrors.fit(found, truth)
    spread = errors.spread(found)
    high = found > np.quantile(found, 0.95, axis=0)
    assert spread[high].mean() > 1.5 * spread[~high].mean()
    np.testing.assert_allclose(errors.spread(10 * found), 10 * spread, rtol=1e-4)
    flat = errors.spread(np.zeros((200, 1), np.float32))
    assert (flat > 0).all()


def test_spreads_hold_their_share_of_errors():
    away = np.abs(np.random.default_rng(0).normal(size=4000))
    assert within(away, 10**6) == pytest.approx(0.98, abs=0.05)
    assert within(away, 40) == pytest.approx(1.11, abs=0.06)
    assert within(away, 5) == pytest.approx(1.29, abs=0.1)
