"""The terms of dp-VAE's objective against sums by hand and the distributions of PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from napari_spatialrecon.methods.dpvae import losses


@pytest.fixture
def points():
    generator = torch.Generator().manual_seed(0)
    latent = torch.randn(7, 3, generator=generator, dtype=torch.float64)
    places = torch.randn(7, 2, generator=generator, dtype=torch.float64)
    return latent, places


def by_hand(latent, places, scale, mask=None):
    latent, places = latent.numpy(), places.numpy()
    terms = [
        (np.linalg.norm(latent[i] - latent[j]) - scale * np.linalg.norm(places[i] - places[j])) ** 2
        for i in range(len(latent))
        for j in range(i + 1, len(latent))
        if mask is None or mask[i, j]
    ]
    return np.mean(terms)


def test_the_distance_loss_is_equation_3(points):
    latent, places = points
    found = losses.distance_preserving(latent, places, torch.tensor(np.log(0.7)))
    assert float(found) == pytest.approx(by_hand(latent, places, 0.7))


def test_a_mask_makes_it_equation_5(points):
    latent, places = points
    mask = torch.rand(7, 7, generator=torch.Generator().manual_seed(1)) < 0.4
    mask = mask | mask.T
    found = losses.distance_preserving(latent, places, torch.tensor(0.3), mask)
    assert float(found) == pytest.approx(by_hand(latent, places, np.exp(0.3), mask.numpy()))
    assert float(found) != pytest.approx(by_hand(latent, places, np.exp(0.3)))


def test_a_mask_without_pairs_costs_nothing(points):
    latent, places = points
    none = torch.zeros(7, 7, dtype=torch.bool)
    assert float(losses.distance_preserving(latent, places, torch.tensor(0.0), none)) == 0


def test_the_scale_is_learned_from_the_places(points):
    _, places = points
    log_scale = torch.zeros((), requires_grad=True)
    losses.distance_preserving(3 * places, places, log_scale).backward()
    assert log_scale.grad < 0


def test_the_loss_is_least_where_the_scale_is_true(points):
    _, places = points
    assert float(losses.distance_preserving(3 * places, places, torch.tensor(np.log(3.0)))) < 1e-20


def test_the_divergence_is_that_of_pytorch(points):
    mean, log_variance = points[0], points[0].flip(0) / 2
    posterior = torch.distributions.Normal(mean, torch.exp(0.5 * log_variance))
    prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    expected = torch.distributions.kl_divergence(posterior, prior).sum(dim=-1).mean()
    assert float(losses.kl_divergence(mean, log_variance)) == pytest.approx(float(expected))


def test_the_gaussian_reconstruction_is_the_mean_square():
    decoded, features = torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[0.0, 2.0], [3.0, 0]])
    assert float(losses.gaussian_reconstruction(decoded, features)) == pytest.approx(10 / 4)


def test_the_counts_reconstruction_is_that_of_scipy():
    rng = np.random.default_rng(0)
    counts = rng.poisson(3, (6, 4)).astype(float)
    shares = rng.dirichlet(np.ones(4), 6)
    dispersion = np.array([0.5, 1.0, 2.0, 8.0])
    mean = shares * counts.sum(axis=1, keepdims=True)
    expected = -stats.nbinom.logpmf(counts, dispersion, dispersion / (dispersion + mean)).mean()
    found = losses.negative_binomial_reconstruction(
        torch.from_numpy(shares), torch.from_numpy(counts), torch.from_numpy(np.log(dispersion))
    )
    assert float(found) == pytest.approx(expected, rel=1e-6)
