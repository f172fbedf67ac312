"""Generator, denoiser, minisets and sampler of GEARS."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from napari_spatialrecon.methods.gears import minisets
from napari_spatialrecon.methods.gears.config import (
    GearsConfig,
    GeneratorConfig,
    MinisetConfig,
    RefinerConfig,
)
from napari_spatialrecon.methods.gears.diffusion import (
    Preconditioned,
    draw_sigma,
    noise_levels,
    refine,
    sigma_cap,
)
from napari_spatialrecon.methods.gears.network import Denoiser, Generator, GeometryBias, centred
from napari_spatialrecon.methods.gears.task import GeometryNetwork, GeometryTask

SMALL = GeneratorConfig(width=16, heads=2, points=4, dimensions=3, dropout=0.0)
REFINER = RefinerConfig(on=True, blocks=1, neighbours=4, landmarks=3)


def denoiser() -> Denoiser:
    torch.manual_seed(0)
    network = Denoiser(SMALL, REFINER).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return network


def inputs(n: int = 10) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    draw = lambda width: torch.randn(2, n, width, generator=generator)  # noqa: E731
    return {
        "noisy": draw(3),
        "base": centred(draw(3)),
        "context": draw(16),
        "previous": centred(draw(3)),
    }


def call(network: Denoiser, sets: dict[str, torch.Tensor]) -> torch.Tensor:
    level = torch.tensor([-0.3, 0.2])
    return network(sets["noisy"], sets["base"], sets["context"], level, sets["previous"])


def test_permuting_a_set_permutes_generator_and_denoiser() -> None:
    order = torch.randperm(10)
    sets, network = inputs(), denoiser()
    permuted = {name: value[:, order] for name, value in sets.items()}
    torch.testing.assert_close(
        call(network, permuted), call(network, sets)[:, order], atol=1e-4, rtol=1e-4
    )
    torch.manual_seed(0)
    generator = Generator(7, SMALL).eval()
    features = torch.randn(2, 10, 7)
    context, base = generator(features)
    other_context, other_base = generator(features[:, order])
    torch.testing.assert_close(other_context, context[:, order], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(other_base, base[:, order], atol=1e-5, rtol=1e-5)


def test_the_bias_does_not_see_pose() -> None:
    torch.manual_seed(0)
    bias = GeometryBias(2, REFINER)
    for parameter in bias.parameters():
        torch.nn.init.normal_(parameter)
    geometry = inputs()["base"].double()
    q, _ = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))
    torch.testing.assert_close(bias.double()(geometry @ q), bias.double()(geometry))


def test_the_bias_sees_the_angle_at_a_cell_between_a_neighbour_and_the_mean_of_them() -> None:
    bias = GeometryBias(1, RefinerConfig(neighbours=2, angle_bins=4))
    corner = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [-9.0, -9.0]]])
    bins = bias._angles(corner, torch.cdist(corner, corner))[0]
    assert bins[0].tolist() == [4, 1, 1, 4]  # 45 degrees from the mean to either; no others
    assert bins[1].tolist() == [0, 4, 0, 4]  # 22.5 degrees
    torch.nn.init.constant_(bias.angle.weight[:4], 1.0)
    assert bias(corner)[0, 0, 0].tolist() == [0.0, 1.0, 1.0, 0.0]


def test_an_untrained_denoiser_returns_what_is_skipped() -> None:
    torch.manual_seed(0)
    network = Denoiser(SMALL, REFINER).eval()
    sets = inputs()
    level = torch.tensor([0.5, 0.5])
    raw = lambda noisy, c, previous: network(  # noqa: E731
        noisy, sets["base"], sets["context"], c, previous
    )
    clean = Preconditioned(raw, 0.5)(sets["noisy"], level, torch.zeros(2, 10, 3))
    torch.testing.assert_close(clean, 0.5 * sets["noisy"])


def test_targets_keep_all_distances_and_have_no_pose() -> None:
    places = torch.randn(2, 15, 2, dtype=torch.float64)
    target = minisets.gram_factor(places, 5)
    torch.testing.assert_close(torch.cdist(target, target), torch.cdist(places, places))
    angle = torch.tensor(0.7, dtype=torch.float64)
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()]).view(2, 2)
    torch.testing.assert_close(minisets.gram_factor(places @ turn + 3, 5), target)


@pytest.mark.parametrize("locality", [0.0, 0.3])
def test_paired_minisets_share_their_first_spots(locality: float) -> None:
    features, places = torch.arange(60.0)[:, None], torch.rand(60, 2)
    config = MinisetConfig(smallest=20, largest=20, per_step=6, overlap=0.5, locality=locality)
    drawn = minisets.draw([features], [places], config, 2, torch.Generator().manual_seed(0))
    first, second = drawn.features.chunk(2)
    assert drawn.shared == 10
    torch.testing.assert_close(first[:, :10], second[:, :10])
    for one in drawn.features:
        assert len(set(one.ravel().tolist())) == 20


def test_local_minisets_are_smaller_than_the_slide() -> None:
    places = torch.rand(400, 2)
    spread = []
    for locality in (0.0, 0.05):
        config = MinisetConfig(smallest=30, largest=30, per_step=4, locality=locality)
        drawn = minisets.draw([places], [places], config, 2, torch.Generator().manual_seed(0))
        spread.append(drawn.target.norm(dim=-1).mean())
    assert spread[1] < 0.6 * spread[0]


def test_noise_levels_fall_to_zero_and_draws_are_stratified() -> None:
    levels = noise_levels(8, 0.01, 3.0)
    assert levels[0] == pytest.approx(3.0)
    assert levels[-2:] == pytest.approx([0.01, 0.0])
    assert all(a > b for a, b in pairwise(levels))
    sigma = draw_sigma(10, 0.01, 1.0, torch.Generator().manual_seed(0), torch.device("cpu"))
    assert (sigma.log().diff() > 0).all()
    assert [sigma_cap(d, 0.5) for d in (0.0, 0.5, 1.0)] == [0.5, 1.0, 1.5]


def test_the_sampler_finds_the_residual_of_a_perfect_denoiser() -> None:
    truth = torch.randn(2, 9, 3)
    perfect = type("Oracle", (), {"sigma_data": 0.5, "__call__": lambda self, *a: truth})()
    found = refine(
        perfect,
        truth,
        steps=12,
        low=0.01,
        temperature=1.0,
        generator=torch.Generator().manual_seed(0),
    )
    torch.testing.assert_close(found, truth, atol=1e-4, rtol=1e-4)


def test_a_step_has_every_loss_that_is_on() -> None:
    config = GearsConfig().with_values(
        {
            "refiner.on": True,
            "refiner.warm_up": 0.0,
            "refiner.blocks": 1,
            "minisets.overlap": 0.5,
            "minisets.smallest": 16,
            "minisets.largest": 16,
            "minisets.per_step": 4,
            "losses.generator_align": 1.0,
            "losses.generator_scale": 1.0,
            "losses.edge": 1.0,
            "generator.width": 16,
        }
    )
    torch.manual_seed(0)
    network = GeometryNetwork(5, config)
    task = GeometryTask(network, [torch.randn(40, 5)], [torch.randn(40, 2)], 0.1, config)
    total, terms = task.loss(0, torch.Generator().manual_seed(0))
    total.backward()
    assert set(terms) == {
        "generator_gram", "generator_distance", "generator_scale", "generator_align", "score",
        "gram", "log_trace", "nca", "edge", "overlap_shape", "overlap_scale", "overlap_neighbours",
    }  # fmt: skip
    assert float(network.sigma_data) > 0
    grads = [p.grad for p in network.parameters() if p.grad is not None]
    assert all(torch.isfinite(g).all() for g in grads)
