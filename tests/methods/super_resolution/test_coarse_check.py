"""Errors of a split, measured and calibrated on the slide seen coarser."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from napari_spatialrecon.methods.super_resolution.base import SplitBlock
from napari_spatialrecon.methods.super_resolution.coarse_check import CoarseCheck, scaled, totals_of

BLOCKS, PARTS, GENES = 300, 4, 6


def scattered(apart: float, counts: float, seed: int) -> CoarseCheck:
    """Shares that scatter about those that are found by `apart`, and a spread that is none."""
    rng = np.random.default_rng(seed)
    found = rng.dirichlet(np.full(PARTS, 4.0), (BLOCKS, GENES))
    shares = found + apart * found * rng.normal(size=found.shape)
    shares = np.clip(shares, 1e-6, None) / np.clip(shares, 1e-6, None).sum(-1, keepdims=True)
    totals = rng.poisson(counts, (BLOCKS, GENES))
    truth = rng.multinomial(totals, shares)
    flat = [
        each.transpose(0, 2, 1).reshape(-1, GENES) for each in (truth, found * totals[..., None])
    ]
    return CoarseCheck(flat[0].astype(float), flat[1], 0.01 * np.sqrt(flat[1]), PARTS)


@pytest.fixture(scope="module")
def split():
    """Counts of parts drawn with known shares, the expected counts, and a spread far too small."""
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.full(PARTS, 2.0), (BLOCKS, GENES))
    counts = rng.poisson(10.0 ** rng.uniform(0, 2, GENES), (BLOCKS, GENES))
    truth = rng.multinomial(counts, shares).transpose(0, 2, 1).reshape(-1, GENES).astype(float)
    found = (shares * counts[..., None]).transpose(0, 2, 1).reshape(-1, GENES)
    return CoarseCheck(truth, found, 0.05 * np.sqrt(found), PARTS)


def test_two_scaled_spreads_hold_nineteen_of_twenty_true_counts_in_blocks_left_out(split):
    before = (
        np.abs(split.truth - split.found)[split.counts > 0] <= 2 * split.spread[split.counts > 0]
    )
    assert before.mean() < 0.3
    assert 0.93 < split.coverage() < 0.98


def test_the_block_of_a_run_gets_spreads_as_large_as_errors_are_here(split):
    block = SplitBlock(np.arange(GENES), csr_matrix(split.found), csr_matrix(split.spread))
    spread = scaled(block, split.scale(), PARTS).spread.toarray()
    filled = split.counts > 0
    inside = np.abs(split.truth - split.found)[filled] <= 2 * spread[filled]
    assert 0.94 < inside.mean() < 0.98
    assert (spread[~filled] == 0).all()


def test_draws_that_agree_by_chance_are_not_certain(split):
    agreed = CoarseCheck(split.truth, split.found, 0 * split.spread, PARTS)
    block = SplitBlock(np.arange(GENES), csr_matrix(split.found), csr_matrix(agreed.spread))
    spread = scaled(block, agreed.scale(), PARTS).spread.toarray()
    filled = split.counts > 0
    inside = np.abs(split.truth - split.found)[filled] <= 2 * spread[filled]
    assert 0.94 < inside.mean() < 0.98


def test_spreads_grow_below_the_spot_as_they_do_above_it():
    """Shares scatter more from step to step: what held one step above holds too little."""
    still, coarser, parts = (scattered(0.1 * 1.5**i, 4000, i) for i in range(3))
    coarser = replace(coarser, coarser=still)
    away, ranges = parts._times()
    before, now = ((away <= 2 * s[ranges]).mean() for s in (coarser.scale(), coarser.finer(PARTS)))
    assert before < 0.85
    assert now == pytest.approx(0.95, abs=0.03)


def test_growth_is_a_power_of_what_is_split_and_never_less_than_one():
    still, coarser = (scattered(0.1 * 1.5**i, 4000, i) for i in range(2))
    grown = replace(coarser, coarser=still)
    np.testing.assert_allclose(grown.growth(2) ** 2, grown.growth(PARTS))
    assert grown.growth(10) is None
    assert 1.2 < grown.widened(PARTS) < 1.8
    assert (replace(still, coarser=coarser).growth(PARTS) == 1.0).all()


def test_what_is_not_calibrated_is_not_stated(split):
    assert split.widened(PARTS) is None and split.finer(PARTS) is None
    block = SplitBlock(np.arange(GENES), csr_matrix(split.found), csr_matrix(split.spread))
    assert scaled(block, None, PARTS).spread is None
    assert CoarseCheck(split.truth, split.found, None, PARTS).scale() is None


def test_the_error_is_relative_to_an_even_split(split):
    even = CoarseCheck(split.truth, totals_of(split.truth, PARTS) / PARTS, None, PARTS)
    assert even.error == pytest.approx(1.0)
    assert split.error < 0.7
    assert CoarseCheck(split.truth, split.truth, None, PARTS).error == 0.0
