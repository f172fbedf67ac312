"""Metrics of mixing: their ends, and formulas written out."""

from __future__ import annotations

import numpy as np
import pytest

from napari_spatialrecon.methods.encoders.mixing import (
    balanced_accuracy,
    balanced_rows,
    domain_mixing,
    kernel_weights,
    normalised_entropy,
    normalised_lisi,
    source_shares,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("n_domains", [2, 3])
def test_sources_of_one_distribution_are_mixed(rng, n_domains):
    found = domain_mixing(rng.normal(size=(900, 5)), np.arange(900) % n_domains, 20)
    assert found.entropy > 0.9
    assert found.ilisi > 0.5
    assert found.probe == pytest.approx(1 / n_domains, abs=0.06)


def test_sources_apart_are_not_mixed(rng):
    domains = np.arange(300) % 2
    points = rng.normal(size=(300, 4)) + np.where(domains, 50, -50)[:, None] * [1, 0, 0, 0]
    found = domain_mixing(points, domains, 20)
    assert (found.entropy, found.ilisi, found.probe) == pytest.approx((0, 0, 1))


def test_more_distance_between_sources_is_less_mixing(rng):
    domains, noise = np.arange(400) % 2, rng.normal(size=(400, 6))
    found = [domain_mixing(noise + d * domains[:, None], domains, 20) for d in (0, 1, 2, 4)]
    assert np.all(np.diff([m.entropy for m in found]) < 0)
    assert np.all(np.diff([m.ilisi for m in found]) < 0)
    assert np.all(np.diff([m.probe for m in found]) > 0)


def test_the_length_and_the_order_of_profiles_do_not_matter(rng):
    domains, points = np.arange(200) % 2, rng.normal(size=(200, 5)) + 0.3
    points[domains == 1] += [0.8, 0, 0, 0, 0]
    found = domain_mixing(points, domains, 15)
    lengths = rng.uniform(0.5, 3, size=(200, 1))
    order = rng.permutation(200)
    for other in (
        domain_mixing(points * lengths, domains, 15),
        domain_mixing(points[order], domains[order], 15),
    ):
        assert other.entropy == pytest.approx(found.entropy)
        assert other.ilisi == pytest.approx(found.ilisi)
        assert other.probe == pytest.approx(found.probe)


def test_shares_entropy_and_lisi_by_hand():
    sources = np.array([[0, 0, 1, 2], [1, 1, 1, 1]])
    shares = source_shares(sources, np.array([[1.0, 1, 1, 1], [1, 2, 3, 4]]), 3)
    np.testing.assert_allclose(shares, [[0.5, 0.25, 0.25], [0, 1, 0]])
    first = -(0.5 * np.log(0.5) + 2 * 0.25 * np.log(0.25)) / np.log(3)
    assert normalised_entropy(shares) == pytest.approx(first / 2)
    assert normalised_lisi(shares) == pytest.approx(((1 / 0.375 + 1) / 2 - 1) / 2)


def test_the_probe_weighs_sources_alike_and_a_tie_as_a_guess():
    shares = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8], [0.7, 0.3]])
    domains = np.array([0, 0, 0, 1])
    assert balanced_accuracy(shares, domains) == pytest.approx(((1 + 0.5 + 0) / 3 + 0) / 2)


@pytest.mark.parametrize("perplexity", [1.5, 5.0, 15.0])
def test_kernel_weights_have_the_perplexity_asked_for(rng, perplexity):
    weights = kernel_weights(np.sort(rng.uniform(0.2, 1, (30, 20)), axis=1), perplexity)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert np.all(np.diff(weights, axis=1) <= 0)
    logs = np.log(np.maximum(weights, 1e-300))
    found = np.exp(-(weights * logs).sum(axis=1))
    np.testing.assert_allclose(found, perplexity, rtol=1e-5)


def test_neighbours_in_one_place_weigh_alike():
    weights = kernel_weights(np.zeros((2, 6)), 2.0)
    np.testing.assert_allclose(weights, 1 / 6)


def test_balanced_rows_take_as_many_of_each_source(rng):
    domains = np.repeat([0, 1, 2], [10, 200, 50])
    rows = balanced_rows(domains, 1000, rng)
    np.testing.assert_array_equal(np.bincount(domains[rows]), [10, 10, 10])
    np.testing.assert_array_equal(np.bincount(domains[balanced_rows(domains, 4, rng)]), [4, 4, 4])
    assert len(set(rows)) == 30
