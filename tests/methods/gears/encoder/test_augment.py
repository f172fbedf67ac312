"""The two views of a profile."""

from __future__ import annotations

import pytest
import torch

from napari_spatialrecon.methods.gears.encoder.augment import augment
from napari_spatialrecon.methods.gears.encoder.config import ViewConfig

OFF = {"dropout": 0.0, "jitter": 0.0, "noise": 0.0}


def view(logs, seed=0, **values):
    return augment(logs, ViewConfig(**{**OFF, **values}), torch.Generator().manual_seed(seed))


@pytest.fixture
def logs():
    return torch.rand(200, 50, generator=torch.Generator().manual_seed(9)) * 3 + 0.1


def test_with_all_switched_off_a_view_is_the_profile(logs):
    torch.testing.assert_close(view(logs), logs)


def test_dropout_sets_its_share_of_genes_to_zero_and_keeps_the_rest(logs):
    seen = view(logs, dropout=0.3)
    lost = seen == 0
    assert lost.float().mean() == pytest.approx(0.3, abs=0.02)
    torch.testing.assert_close(seen[~lost], logs[~lost])


def test_jitter_is_one_factor_a_profile_on_the_linear_scale(logs):
    factors = torch.expm1(view(logs, jitter=0.25)) / torch.expm1(logs)
    torch.testing.assert_close(factors, factors[:, :1].expand_as(factors), rtol=1e-4, atol=1e-4)
    assert 0.75 <= factors.min() < 0.8
    assert 1.2 < factors.max() <= 1.25


def test_noise_is_added_on_the_log_scale(logs):
    difference = view(logs, noise=0.015) - logs
    assert difference.std() == pytest.approx(0.015, rel=0.05)
    assert abs(float(difference.mean())) < 0.001


def test_genes_are_lost_before_the_depth_changes_and_noise_comes_last(logs):
    """A lost gene is not brought back by the depth, but has noise."""
    seen = view(logs, dropout=0.5, jitter=0.25, noise=0.015)
    without = view(logs, dropout=0.5, jitter=0.25)
    lost = without == 0
    assert lost.float().mean() == pytest.approx(0.5, abs=0.02)
    assert seen[lost].std() == pytest.approx(0.015, rel=0.05)
    assert (seen - without).std() == pytest.approx(0.015, rel=0.05)


def test_two_views_differ_and_a_seed_repeats_one(logs):
    config, generator = ViewConfig(), torch.Generator().manual_seed(1)
    before = logs.clone()
    first, second = (augment(logs, config, generator) for _ in range(2))
    assert not torch.equal(first, second)
    assert torch.equal(first, augment(logs, config, torch.Generator().manual_seed(1)))
    assert torch.equal(logs, before)
