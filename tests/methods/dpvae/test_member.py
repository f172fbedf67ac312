"""What one network of the ensemble is trained on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

from napari_spatialrecon.methods.dpvae import losses
from napari_spatialrecon.methods.dpvae.config import DPVAEConfig, MaskConfig, NetworkConfig
from napari_spatialrecon.methods.dpvae.fitting import build
from napari_spatialrecon.methods.dpvae.member import (
    MemberTask,
    Slide,
    make_mask,
    pieces_of,
    unit_length,
)
from napari_spatialrecon.methods.dpvae.network import LOG_VARIANCE_BIAS, Network, for_slides


@pytest.fixture
def grid():
    x, y = np.meshgrid(np.arange(8.0), np.arange(6.0))
    return np.column_stack([x.ravel(), y.ravel()])


@pytest.fixture
def features(grid):
    """Two groups of expression, left and right."""
    rng = np.random.default_rng(0)
    side = np.where(grid[:, :1] < 4, -5.0, 5.0)
    return (side + rng.normal(size=(len(grid), 5))).astype(np.float32)


def task(small, grid, features, *, noise=0.0, n_slides=1, network=None, slide=None, **settings):
    config = small(**settings)
    torch.manual_seed(0)
    network = network or Network(features.shape[1], features.shape[1], n_slides, config.network)
    slide = slide or Slide(torch.from_numpy(features), torch.from_numpy(grid.astype(np.float32)))
    return MemberTask(network, [slide] * n_slides, noise, config)


def test_without_a_mask_all_pairs_count(grid, features):
    assert make_mask(MaskConfig(), features, grid, 0) is None


def test_a_spatial_mask_joins_neighbours(grid, features):
    mask = make_mask(MaskConfig(kind="spatial", neighbours=4), features, grid, 0).toarray()
    assert (mask == mask.T).all()
    far = np.linalg.norm(grid[:, None] - grid[None], axis=2) > 3
    assert not mask[far].any()
    assert (mask.sum(axis=1) >= 4).all()


def test_an_expression_mask_joins_clusters(grid, features):
    mask = make_mask(MaskConfig(kind="expression", clusters=2), features, grid, 0).toarray()
    left = grid[:, 0] < 4
    np.testing.assert_array_equal(mask, left[:, None] == left[None])


def test_the_loss_is_equation_4(small, grid, features):
    made = task(small, grid, features, alpha=7.0, beta=2.0, reconstruction=0.5, spots_per_step=1000)
    total, terms = made.loss(0, torch.Generator().manual_seed(3))
    expected = 7 * terms["distance"] + 0.5 * terms["reconstruction"] + 2 * terms["kl"]
    torch.testing.assert_close(total, expected)
    mean, log_variance = made.network.encode(unit_length(made.slides[0].features, True))
    torch.testing.assert_close(terms["kl"], losses.kl_divergence(mean, log_variance))


@pytest.mark.parametrize(
    ("weight", "trained"),
    [
        ("alpha", {"encoder", "log_scale"}),
        ("reconstruction", {"encoder", "decoder"}),
        ("beta", {"encoder"}),
    ],
)
def test_each_term_of_equation_4_trains_its_part(small, grid, features, weight, trained):
    weights = dict.fromkeys(("alpha", "beta", "reconstruction"), 0.0) | {weight: 1.0}
    made = task(small, grid, features, **weights)
    made.loss(0, torch.Generator().manual_seed(0))[0].backward()
    reached = {
        name.partition(".")[0]
        for name, parameter in made.network.named_parameters()
        if parameter.grad is not None and parameter.grad.any()
    }
    assert reached - {"mean", "log_variance"} == trained


def test_the_loss_is_the_mean_over_slides(small, grid, features):
    one, two = (task(small, grid, features, n_slides=n, spots_per_step=1000) for n in (1, 2))
    two.network.load_state_dict(
        {**one.network.state_dict(), "log_scale": torch.zeros(2)}, strict=True
    )
    values = [t.loss(0, torch.Generator().manual_seed(0))[1]["kl"] for t in (one, two)]
    torch.testing.assert_close(values[0], values[1])


def test_each_slide_has_its_own_scale(small, grid, features):
    made = task(small, grid, features, n_slides=2)
    made.slides = [made.slides[0], Slide(made.slides[0].features, 9 * made.slides[0].places)]
    made.loss(0, torch.Generator().manual_seed(0))[0].backward()
    gradient = made.network.log_scale.grad
    assert gradient.all()
    assert gradient[0] != gradient[1]


def test_a_mask_of_no_pair_takes_the_distance_loss_away(small, grid, features):
    none = sparse.csr_matrix((len(grid), len(grid)), dtype=bool)
    slide = Slide(torch.from_numpy(features), torch.from_numpy(grid.astype("f4")), None, none)
    made = task(small, grid, features, slide=slide)
    _, terms = made.loss(0, torch.Generator().manual_seed(0))
    assert terms["distance"].item() == 0


def test_pieces_of_a_torn_slide_are_read_from_a_column():
    obs = pd.DataFrame({"torn": ["not selected", "selected", None, "not selected", "selected"]})
    assert pieces_of(MaskConfig(), obs).tolist() == [0, 1, 0, 0, 1]
    assert len(set(pieces_of(MaskConfig(within=False), obs)[[1, 4]])) == 2
    assert pieces_of(MaskConfig(column="region"), obs) is None
    assert pieces_of(MaskConfig(), pd.DataFrame({"torn": [False, False]})) is None


@pytest.mark.parametrize("masked", [False, True])
def test_pairs_across_a_tear_do_not_count(small, grid, features, masked):
    left = grid[:, 0] < np.median(grid[:, 0])
    whole = sparse.csr_matrix(np.ones((len(grid), len(grid)), bool)) if masked else None
    pieces, places = torch.from_numpy(left.astype(np.int64)), torch.from_numpy(grid.astype("f4"))
    moved = places + 50.0 * pieces[:, None]
    inputs = torch.from_numpy(features)
    found = {}
    for name, slide in {
        "torn": Slide(inputs, moved, mask=whole, pieces=pieces),
        "whole": Slide(inputs, places, mask=whole, pieces=pieces),
        "unmarked": Slide(inputs, moved, mask=whole),
    }.items():
        _, terms = task(small, grid, features, slide=slide).loss(
            0, torch.Generator().manual_seed(0)
        )
        found[name] = terms["distance"]
    torch.testing.assert_close(found["torn"], found["whole"], rtol=1e-3, atol=1e-4)
    assert found["unmarked"] > 2 * found["torn"]


def test_noise_reaches_the_encoder_but_not_what_is_reconstructed(small, grid, features):
    made = task(small, grid, features, noise=5.0)
    _, terms = made.loss(0, torch.Generator().manual_seed(0))
    generator, clean = torch.Generator().manual_seed(0), made.slides[0].features
    noisy = clean + 5 * torch.randn(clean.shape, generator=generator)
    passed = made.network(unit_length(noisy, True), generator)
    torch.testing.assert_close(terms["kl"], losses.kl_divergence(passed.mean, passed.log_variance))
    target = unit_length(clean, True)
    expected = losses.gaussian_reconstruction(passed.decoded, target)
    torch.testing.assert_close(terms["reconstruction"], expected)


def test_a_large_slide_is_drawn_at_random_or_around_a_spot(small, grid, features):
    made = task(small, grid, features, spots_per_step=9)
    rows = made._draw(0, torch.Generator().manual_seed(0)).numpy()
    assert len(set(rows)) == 9
    slide = Slide(made.slides[0].features, made.slides[0].places, local=True)
    made.slides = [slide]
    near = made._draw(0, torch.Generator().manual_seed(0)).numpy()
    assert len(set(near)) == 9
    assert np.ptp(grid[near], axis=0).max() <= 4
    assert np.ptp(grid[rows], axis=0).max() > 4


def test_the_posterior_starts_narrow():
    network = build(5, 5, 1, NetworkConfig())
    assert (network.log_variance.bias == LOG_VARIANCE_BIAS).all()


def test_shares_of_counts_sum_to_one():
    network = build(5, 11, 1, NetworkConfig(likelihood="nb"))
    shares = network.decode(torch.randn(3, 2))
    assert shares.shape == (3, 11)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(3))
    assert network.log_dispersion.shape == (11,)


def test_a_decoder_that_is_told_the_slide_tells_slides_apart(small, grid, features):
    told = {"network__batch": "slide", "network__layers": 1}
    made = task(small, grid, features, n_slides=2, alpha=0.0, beta=0.0, **told)
    sample = torch.randn(4, 2)
    assert not torch.allclose(made.network.decode(sample, 0), made.network.decode(sample, 1))
    made._slide_terms(1, torch.Generator().manual_seed(0))["reconstruction"].backward()
    of_slides = made.network.decoder[0][0].weight.grad[:, 2:]
    assert of_slides.shape[1] == 2
    assert of_slides[:, 1].any() and not of_slides[:, 0].any()
    plain = task(small, grid, features, n_slides=2).network
    assert torch.equal(plain.decode(sample, 0), plain.decode(sample, 1))


@pytest.mark.parametrize("slides", [1, 3])
def test_a_network_for_other_slides_starts_at_the_mean_of_those_it_knew(slides):
    config = NetworkConfig(batch="slide", likelihood="nb")
    known, other = build(5, 7, 2, config), build(5, 7, slides, config)
    with torch.no_grad():
        known.log_scale.copy_(torch.tensor([1.0, 3.0]))
    other.load_state_dict(for_slides(dict(known.state_dict()), other))
    assert other.log_scale.tolist() == [2.0] * slides
    before, after = (network.decoder[0][0].weight for network in (known, other))
    assert torch.equal(before[:, :2], after[:, :2])
    mean = before[:, 2:].mean(dim=1, keepdim=True)
    torch.testing.assert_close(after[:, 2:], mean.expand(-1, slides))


def test_a_sample_is_the_mean_plus_scaled_noise():
    network = build(5, 5, 1, NetworkConfig())
    passed = network(torch.randn(4, 5), torch.Generator().manual_seed(7))
    noise = torch.randn(4, 2, generator=torch.Generator().manual_seed(7))
    expected = passed.mean + noise * torch.exp(0.5 * passed.log_variance)
    torch.testing.assert_close(passed.sample, expected)


def test_rows_of_unit_length_have_the_length_of_their_dimension():
    rows = unit_length(torch.randn(6, 9), True)
    torch.testing.assert_close(rows.norm(dim=1), torch.full((6,), 3.0))
    assert torch.equal(unit_length(rows * 5, False), rows * 5)


def test_the_defaults_are_those_that_the_results_were_measured_with():
    quick, standard = DPVAEConfig.preset("quick").flat(), DPVAEConfig.preset("standard").flat()
    changed = {name: value for name, value in standard.items() if quick[name] != value}
    assert changed == {"members": 8, "training.steps": 600}
    kept = {
        "members": 4, "alpha": 100.0, "beta": 1.0, "reconstruction": 0.1, "spots_per_step": 384,
        "noise": 1.0, "inputs": "mixed", "scalings": "one", "unit_length": True,
        "baseline_share": 0.0, "spread_share": 0.0, "landmarks": "auto", "network.layers": 3,
        "network.width": 256, "network.latent": 2, "network.likelihood": "gaussian",
        "network.batch": "none", "network.backbone": "mlp", "network.dropout": 0.0,
        "mask.kind": "none", "mask.within": True, "mask.draws": "auto",
    }  # fmt: skip
    assert {name: quick[name] for name in kept} == kept
