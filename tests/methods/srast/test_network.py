"""The velocity field is shared over parts, genes and slides."""

from __future__ import annotations

import pytest
import torch

from napari_spatialrecon.methods.srast import flow
from napari_spatialrecon.methods.srast.config import FlowConfig, SRastConfig
from napari_spatialrecon.methods.srast.network import (
    N_CONTEXT,
    N_NEIGHBOUR,
    N_RATIOS,
    NEIGHBOURS,
    Batch,
    Velocity,
)


def batch(m=5, k=4, seed=0):
    g = torch.Generator().manual_seed(seed)
    return Batch(
        torch.randn(m, k, N_RATIOS, generator=g),
        torch.randn(m, N_CONTEXT, generator=g),
        torch.randn(m, NEIGHBOURS, N_NEIGHBOUR, generator=g),
        torch.rand(k, 2, generator=g) - 0.5,
    )


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = Velocity(16, 2, 4).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return network


@pytest.mark.parametrize("k", [2, 4, 7, 10])
def test_the_same_weights_take_any_number_of_parts(network, k):
    b = batch(k=k)
    assert network(torch.zeros(5, k), torch.zeros(5), b).shape == (5, k)


def test_parts_have_no_order(network):
    b, y = batch(), torch.randn(5, 4)
    order = torch.tensor([2, 0, 3, 1])
    turned = Batch(b.ratios[:, order], b.context, b.neighbours, b.places[order])
    straight = network(y, torch.zeros(5), b)[:, order]
    torch.testing.assert_close(network(y[:, order], torch.zeros(5), turned), straight)


def test_an_untrained_network_reads_as_the_mean_of_its_inputs():
    torch.manual_seed(0)
    b = batch()
    generator = torch.Generator().manual_seed(0)
    read = flow.conditional_mean(Velocity(16, 2, 4), b, 2, generator)
    expected = torch.softmax(b.ratios.mean(dim=-1), dim=-1)
    torch.testing.assert_close(read, expected)


def test_logits_are_centred_bounded_and_give_the_ratios_back():
    ratios = torch.tensor([[1.0, 0.0, 0.0], [0.2, 0.3, 0.5]])
    logits = flow.smoothed_centred_logits(ratios, 1e-6)
    torch.testing.assert_close(logits.sum(dim=-1), torch.zeros(2), atol=1e-5, rtol=0)
    assert logits.abs().max() <= torch.log(torch.tensor((1 + 1e-6) / 1e-6))
    torch.testing.assert_close(torch.softmax(logits, dim=-1), ratios, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("smoothing", [1e-6, 0.1])
def test_a_draw_of_the_true_field_gives_the_ratios_back_however_they_were_smoothed(smoothing):
    ratios = torch.tensor([[0.9, 0.1, 0.0]])
    target = flow.smoothed_centred_logits(ratios, smoothing)

    def field(y, time, batch):
        return (target - y) / (1 - time.unsqueeze(-1))

    b = batch(1, 3)
    config = FlowConfig(steps=10, smoothing=smoothing)
    drawn = flow.draw(field, b, config, torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn, ratios, atol=1e-5, rtol=1e-4)


def test_a_perfect_field_has_no_loss_but_that_of_the_unknown_start():
    ratios = torch.tensor([[0.7, 0.1, 0.1, 0.1]]).repeat(64, 1)
    config = FlowConfig(start_share=0.0, smoothing=1e-3)
    y1 = flow.smoothed_centred_logits(ratios, config.smoothing)

    def field(y, time, batch):
        return (y1 - y) / (1 - time.unsqueeze(-1))

    terms = flow.losses(
        field, batch(64), ratios, torch.ones(64), config, torch.Generator().manual_seed(0)
    )
    assert terms["flow"] < 1e-6
    assert terms["boundary"] < 1e-3


@pytest.mark.parametrize("temperature", [1.0, 2.0])
@pytest.mark.parametrize("target", ["ratios", "logits"])
def test_the_regularizer_is_least_at_the_target_that_is_asked_for(target, temperature):
    ratios = torch.tensor([[0.7, 0.2, 0.1, 0.0]])
    config = FlowConfig(target=target, temperature=temperature, start_share=1.0, smoothing=0.05)
    y1 = flow.smoothed_centred_logits(ratios, config.smoothing)
    aims = {"ratios": ratios, "logits": torch.softmax(y1 / temperature, dim=-1)}

    def divergence(aim):
        """Of a field that leads to logits whose softmax at the temperature is `aim`."""
        ends = temperature * torch.log(aim + 1e-9)

        def field(y, time, batch):
            return ends - y

        generator = torch.Generator().manual_seed(0)
        terms = flow.losses(field, batch(1), ratios, torch.ones(1), config, generator)
        return float(terms["boundary"])

    assert divergence(aims[target]) < 1e-5
    others = [divergence(aim) for name, aim in aims.items() if name != target]
    assert min(others) > 1e-3


def test_the_preset_of_the_paper_has_its_target_and_weights():
    paper = SRastConfig.preset("paper").flat()
    assert paper["flow.target"] == "logits"
    assert (paper["flow.temperature"], paper["flow.boundary_power"]) == (2.0, 2.0)
    assert (paper["sasa.errors"], paper["sasa.kl_weight"]) == ("sum", 0.001)
