"""Each term against a formula written out, and what it must not depend on."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from napari_spatialrecon.methods.gears.encoder import losses


@pytest.fixture
def views():
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(12, 5, generator=generator, dtype=torch.float64)
    return z, z + 0.3 * torch.randn(12, 5, generator=generator, dtype=torch.float64)


@pytest.fixture
def samples():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(9, 4, generator=generator, dtype=torch.float64)
    return x, 0.5 + 2 * torch.randn(7, 4, generator=generator, dtype=torch.float64)


def rotation(n, seed=0):
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))
    return torch.from_numpy(q)


def test_invariance_is_the_mean_squared_difference(views):
    z1, z2 = (z.numpy() for z in views)
    assert float(losses.invariance(*views)) == pytest.approx(((z1 - z2) ** 2).sum() / 60)


def test_variance_is_a_hinge_on_each_standard_deviation(views):
    z1, z2 = (z.numpy() for z in views)
    for gamma in (0.5, 1.0, 2.0):
        naive = [
            max(0.0, gamma - math.sqrt(z[:, j].var(ddof=1) + 1e-4))
            for z in (z1, z2)
            for j in range(5)
        ]
        assert float(losses.variance(*views, gamma)) == pytest.approx(np.mean(naive))
    assert float(losses.variance(10 * views[0], 10 * views[1])) == 0


def test_covariance_sums_the_squares_off_the_diagonal(views):
    naive = 0.0
    for z in views:
        c = np.cov(z.numpy(), rowvar=False)
        naive += sum(c[i, j] ** 2 for i in range(5) for j in range(5) if i != j) / 5
    assert float(losses.covariance(*views)) == pytest.approx(naive)


def test_mmd_is_the_naive_double_sum_over_four_kernels(samples):
    x, y = (s.numpy() / np.linalg.norm(s.numpy(), axis=1, keepdims=True) for s in samples)
    both = np.concatenate([x, y])
    apart = [
        np.linalg.norm(a - b) for i, a in enumerate(both) for j, b in enumerate(both) if i != j
    ]
    median = np.sort(apart)[(len(apart) - 1) // 2]

    def kernel(a, b):
        d = np.linalg.norm(a - b)
        return np.mean([np.exp(-(d**2) / (2 * (s * median) ** 2)) for s in (0.5, 1, 2, 4)])

    def mean(a, b):
        return np.mean([[kernel(p, q) for q in b] for p in a])

    expected = mean(x, x) + mean(y, y) - 2 * mean(x, y)
    assert float(losses.mmd(*samples)) == pytest.approx(expected)


def test_mmd_of_a_sample_with_itself_is_nothing_and_length_does_not_matter(samples):
    x, y = samples
    assert float(losses.mmd(x, x)) == pytest.approx(0, abs=1e-12)
    torch.testing.assert_close(losses.mmd(x, y), losses.mmd(3 * x, 0.1 * y))
    torch.testing.assert_close(losses.mmd(x, y), losses.mmd(y, x))


@pytest.mark.parametrize("loss", [losses.mmd, lambda x, y: losses.local_alignment(x, y, 0.07)])
def test_terms_on_angles_do_not_see_a_rotation_of_the_embedding(samples, loss):
    q = rotation(4)
    torch.testing.assert_close(loss(*samples), loss(*(s @ q for s in samples)))


@pytest.mark.parametrize(
    "loss", [losses.mmd, losses.coral, lambda x, y: losses.local_alignment(x, y, 0.07)]
)
def test_the_order_of_profiles_does_not_matter(samples, loss):
    x, y = samples
    torch.testing.assert_close(loss(x, y), loss(x.flip(0), y.flip(0)))


def test_coral_compares_means_and_covariances(samples):
    x, y = (s.numpy() for s in samples)
    means = ((x.mean(0) - y.mean(0)) ** 2).mean()
    covariances = ((np.cov(x, rowvar=False) - np.cov(y, rowvar=False)) ** 2).mean()
    assert float(losses.coral(*samples)) == pytest.approx(means + covariances)
    assert float(losses.coral(samples[0], samples[0].flip(0))) == pytest.approx(0)


def test_local_alignment_picks_mutual_neighbours_out_of_the_other_sample(samples):
    x, y = (s.numpy() / np.linalg.norm(s.numpy(), axis=1, keepdims=True) for s in samples)
    cosine, tau = x @ y.T, 0.5
    pairs = [
        (i, j)
        for i in range(9)
        for j in range(7)
        if j == cosine[i].argmax() and i == cosine[:, j].argmax()
    ]
    assert 0 < len(pairs) < 7
    there = [-np.log(np.exp(cosine[i, j] / tau) / np.exp(cosine[i] / tau).sum()) for i, j in pairs]
    back = [
        -np.log(np.exp(cosine[i, j] / tau) / np.exp(cosine[:, j] / tau).sum()) for i, j in pairs
    ]
    expected = (np.mean(there) + np.mean(back)) / 2
    assert float(losses.local_alignment(*samples, tau)) == pytest.approx(expected)


def test_local_alignment_falls_when_a_mutual_pair_comes_closer():
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0]], requires_grad=True)
    y = torch.tensor([[0.9, 0.3], [-1.0, 0.2]])
    loss = losses.local_alignment(x, y, 0.07)
    loss.backward()
    with torch.no_grad():
        assert losses.local_alignment(x - 0.01 * x.grad, y, 0.07) < loss


@pytest.mark.parametrize("loss", [losses.invariance, losses.variance, losses.covariance])
def test_collapsed_views_leave_finite_gradients(loss):
    z1, z2 = (torch.zeros(6, 3, requires_grad=True) for _ in range(2))
    loss(z1, z2).backward()
    for z in (z1, z2):
        assert z.grad is None or torch.isfinite(z.grad).all()


@pytest.mark.parametrize(
    "loss", [losses.mmd, losses.coral, lambda x, y: losses.local_alignment(x, y, 0.07)]
)
def test_collapsed_samples_leave_finite_values(loss):
    x = torch.zeros(6, 3, requires_grad=True)
    value = loss(x, torch.zeros(4, 3))
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(x.grad).all()
