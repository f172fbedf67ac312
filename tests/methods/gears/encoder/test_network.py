"""The encoder's layers, and the adversary that learns by itself."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, layer_norm

from napari_spatialrecon.methods.gears.encoder.config import (
    AdversaryConfig,
    EncoderConfig,
    NetworkConfig,
)
from napari_spatialrecon.methods.gears.encoder.network import (
    Adversary,
    ExpressionEncoder,
    StageA,
)


@pytest.fixture
def adversary():
    torch.manual_seed(0)
    return Adversary(6, 3, AdversaryConfig(width=16, dropout=0.0))


@pytest.fixture
def apart():
    """Embeddings of three sources that lie apart."""
    domains = torch.arange(30) % 3
    z = torch.randn(30, 6, generator=torch.Generator().manual_seed(0))
    z[torch.arange(30), domains] += 4
    return z, domains


def test_the_encoder_is_512_256_128_with_a_bare_last_layer():
    layers = list(ExpressionEncoder(40, NetworkConfig()))
    kinds = [nn.Linear, nn.LayerNorm, nn.ReLU, nn.Dropout]
    assert [type(layer) for layer in layers] == [*kinds, *kinds, nn.Linear]
    assert [m.weight.shape for m in layers if isinstance(m, nn.Linear)] == [
        (512, 40), (256, 512), (128, 256),
    ]  # fmt: skip
    assert all(m.p == 0.1 for m in layers if isinstance(m, nn.Dropout))


def test_the_adversary_has_two_layers_of_512_and_a_class_for_each_source():
    layers = Adversary(128, 4, EncoderConfig.preset("paper").adversary).guess
    assert [m.weight.shape for m in layers if isinstance(m, nn.Linear)] == [
        (512, 128), (512, 512), (4, 512),
    ]  # fmt: skip
    assert [m.p for m in layers if isinstance(m, nn.Dropout)] == [0.1, 0.1]


def test_the_adversary_reads_normalised_embeddings(adversary, apart):
    z, domains = apart
    expected = cross_entropy(adversary.guess(layer_norm(z, (6,))), domains)
    torch.testing.assert_close(adversary.loss(z, domains, 1.0), expected)
    torch.testing.assert_close(adversary.loss(5 * z + 1, domains, 1.0), expected, rtol=1e-3, atol=0)


def test_the_adversary_learns_and_the_encoder_is_told_the_opposite(adversary, apart):
    z, domains = apart
    first = float(adversary.loss(z, domains, 1.0))
    accuracies = [float(adversary.learn(z, domains, 1e-2, 5)) for _ in range(10)]
    assert float(adversary.loss(z, domains, 1.0)) < first
    assert accuracies[-1] > 0.95
    z = z.clone().requires_grad_()
    loss = adversary.loss(z, domains, 0.5)
    loss.backward()
    assert adversary.loss(z - 0.1 * z.grad, domains, 0.5) > loss


def test_its_own_learning_leaves_the_embedding_alone(adversary, apart):
    z, domains = apart
    z = z.clone().requires_grad_()
    adversary.learn(z, domains, 1e-2, 2)
    assert z.grad is None


def test_its_weights_are_out_of_reach_of_the_encoder_s_optimizer(adversary, apart):
    z, domains = apart
    adversary.loss(z.clone().requires_grad_(), domains, 1.0).backward()
    assert all(p.grad is None and not p.requires_grad for p in adversary.parameters())


def test_it_learns_as_torch_s_adam_does(adversary, apart):
    z, domains = apart
    twin = Adversary(6, 3, AdversaryConfig(width=16, dropout=0.0))
    twin.load_state_dict(adversary.state_dict())
    guess = twin.guess.requires_grad_(True)
    adam = torch.optim.Adam(guess.parameters(), lr=3e-3, foreach=False)
    for _ in range(4):
        adam.zero_grad()
        cross_entropy(guess(layer_norm(z, (6,))), domains).backward()
        adam.step()
    adversary.learn(z, domains, 3e-3, 4)
    for mine, theirs in zip(adversary.guess.parameters(), guess.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_what_it_remembers_is_in_its_state(adversary, apart):
    z, domains = apart
    adversary.learn(z, domains, 1e-2, 3)
    twin = Adversary(6, 3, AdversaryConfig(width=16, dropout=0.0))
    twin.load_state_dict(adversary.state_dict())
    for other in (adversary, twin):
        other.learn(z, domains, 1e-2, 3)
    assert all(
        torch.equal(a, b)
        for a, b in zip(adversary.state_dict().values(), twin.state_dict().values(), strict=True)
    )


def test_one_source_or_no_weight_has_no_adversary():
    network = NetworkConfig(first=8, second=8, embedding=4)
    assert StageA(5, 1, network, AdversaryConfig()).adversary is None
    assert StageA(5, 2, network, AdversaryConfig(weight=0)).adversary is None
    assert StageA(5, 2, network, AdversaryConfig()).adversary is not None
