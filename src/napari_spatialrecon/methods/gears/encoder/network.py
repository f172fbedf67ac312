"""The encoder f_θ and the adversary D_η (section 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy, layer_norm
from torch.nn.utils import parameters_to_vector, vector_to_parameters
from torch.optim.adam import adam

from napari_spatialrecon.methods.gears.encoder.config import AdversaryConfig, NetworkConfig
from napari_spatialrecon.nn.gradient_reversal import reverse_gradient


class ExpressionEncoder(nn.Sequential):
    """f_θ: layers of Linear, LayerNorm, ReLU and Dropout; the last layer is only linear."""

    def __init__(self, n_inputs: int, config: NetworkConfig) -> None:
        layers: list[nn.Module] = []
        for width in (config.first, config.second):
            layers += [nn.Linear(n_inputs, width), nn.LayerNorm(width), nn.ReLU()]
            layers.append(nn.Dropout(config.dropout))
            n_inputs = width
        super().__init__(*layers, nn.Linear(n_inputs, config.embedding))


class Adversary(nn.Module):
    """D_η: predicts which slide, or the query, an embedding comes from.

    It is trained with its own Adam optimizer, several times per step of the encoder. The state of
    that optimizer is kept in buffers, so that a stopped run resumes exactly; the weights are hidden
    from the encoder's optimizer.
    """

    moments: Tensor
    updates: Tensor

    def __init__(self, n_inputs: int, n_domains: int, config: AdversaryConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(2):
            layers += [nn.Linear(n_inputs, config.width), nn.ReLU(), nn.Dropout(config.dropout)]
            n_inputs = config.width
        self.guess = nn.Sequential(*layers, nn.Linear(n_inputs, n_domains)).requires_grad_(False)
        size = sum(p.numel() for p in self.guess.parameters())
        self.register_buffer("moments", torch.zeros(2, size))
        self.register_buffer("updates", torch.zeros(()))

    def loss(self, z: Tensor, domains: Tensor, strength: float) -> Tensor:
        """Return its cross-entropy (L_adv of eq. 2), with the gradient to `z` reversed.

        Parameters
        ----------
        z : (n, h)
        domains : (n,) int
            Number of the slide each comes from; the query is the last.
        strength
            α of the gradient reversal.
        """
        return cross_entropy(self.guess(reverse_gradient(_seen(z), strength)), domains)

    def learn(self, z: Tensor, domains: Tensor, rate: float, updates: int) -> Tensor:
        """Minimise L_adv over η in `updates` steps; return the accuracy at the last step."""
        seen, guesses = _seen(z.detach()), domains
        for _ in range(updates):
            weights = {n: p.detach().requires_grad_() for n, p in self.guess.named_parameters()}
            with torch.enable_grad():
                guesses = functional_call(self.guess, weights, (seen,))
                loss = cross_entropy(guesses, domains)
            self._update(torch.autograd.grad(loss, list(weights.values())), rate)
        return (guesses.argmax(dim=1) == domains).float().mean()

    @torch.no_grad()
    def _update(self, gradients: tuple[Tensor, ...], rate: float) -> None:
        weights = parameters_to_vector(self.guess.parameters())
        adam(
            [weights],
            [parameters_to_vector(gradients)],
            [self.moments[0]],
            [self.moments[1]],
            [],
            [self.updates],
            foreach=False,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )
        vector_to_parameters(weights, self.guess.parameters())


class StageA(nn.Module):
    """The trained networks: the encoder, and its adversary if there are several sources."""

    def __init__(
        self, n_inputs: int, n_domains: int, network: NetworkConfig, adversary: AdversaryConfig
    ) -> None:
        super().__init__()
        self.encoder = ExpressionEncoder(n_inputs, network)
        several = n_domains > 1 and adversary.weight > 0
        self.adversary = Adversary(network.embedding, n_domains, adversary) if several else None

    def forward(self, inputs: Tensor) -> Tensor:
        """Return z = f_θ(x), (n, h)."""
        return self.encoder(inputs)


def _seen(z: Tensor) -> Tensor:
    """Return embeddings standardised over the batch, as input of the adversary."""
    return layer_norm(z, z.shape[-1:])
