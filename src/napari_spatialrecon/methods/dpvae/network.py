"""The variational autoencoder (section 4.1 of the paper)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from napari_spatialrecon.methods.dpvae.config import NetworkConfig

#: Initial log-variance of the posterior: small, so that noise does not mask distances early on.
LOG_VARIANCE_BIAS = -3.0


@dataclass(frozen=True)
class Passed:
    """Output of one forward pass.

    Parameters
    ----------
    mean, log_variance : (n, latent)
        Mean and log-variance of the posterior q(z|x).
    sample : (n, latent)
        z, reparametrised.
    decoded : (n, n_outputs)
        Mean of p(x|z): features, or shares of the counts that sum to 1.
    """

    mean: Tensor
    log_variance: Tensor
    sample: Tensor
    decoded: Tensor


def mlp(n_in: int, width: int, layers: int, dropout: float) -> nn.Sequential:
    """Return `layers` hidden layers of `width` ReLU units."""
    blocks: list[nn.Module] = []
    for i in range(layers):
        blocks += [nn.Linear(n_in if i == 0 else width, width), nn.ReLU()]
        if dropout:
            blocks.append(nn.Dropout(dropout))
    return nn.Sequential(*blocks)


class Network(nn.Module):
    """Encoder, decoder and the distance scale λ of each slide.

    Parameters
    ----------
    n_features
        Number of inputs.
    n_outputs
        Number of outputs: the features themselves, or the genes for a negative binomial.
    n_slides
        Number of slides, each with its own λ, and its own batch of the decoder if that is told.
    """

    def __init__(
        self, n_features: int, n_outputs: int, n_slides: int, config: NetworkConfig
    ) -> None:
        super().__init__()
        self.counts = config.likelihood == "nb"
        self.batches = n_slides if config.batch == "slide" else 0
        self.encoder = mlp(n_features, config.width, config.layers, config.dropout)
        self.mean = nn.Linear(config.width, config.latent)
        self.log_variance = nn.Linear(config.width, config.latent)
        nn.init.constant_(self.log_variance.bias, LOG_VARIANCE_BIAS)
        self.decoder = nn.Sequential(
            mlp(config.latent + self.batches, config.width, config.layers, config.dropout),
            nn.Linear(config.width, n_outputs),
        )
        self.log_scale = nn.Parameter(torch.zeros(n_slides))
        self.log_dispersion = nn.Parameter(torch.zeros(n_outputs if self.counts else 0))

    def encode(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of q(z|x), each (n, latent)."""
        hidden = self.encoder(features)
        return self.mean(hidden), self.log_variance(hidden)

    def decode(self, sample: Tensor, slide: int = 0) -> Tensor:
        """Return the mean of p(x|z): features, or shares of the counts, of spots of a slide."""
        if self.batches:
            told = one_hot(torch.full((len(sample),), slide, device=sample.device), self.batches)
            sample = torch.cat([sample, told.to(sample.dtype)], dim=-1)
        decoded = self.decoder(sample)
        return torch.softmax(decoded, dim=-1) if self.counts else decoded

    def forward(self, features: Tensor, generator: torch.Generator, slide: int = 0) -> Passed:
        """Encode spots of a slide, draw z = μ + σ·ε, decode."""
        mean, log_variance = self.encode(features)
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        sample = mean + noise * torch.exp(0.5 * log_variance)
        return Passed(mean, log_variance, sample, self.decode(sample, slide))


def for_slides(known: dict[str, Tensor], network: Network) -> dict[str, Tensor]:
    """Return a network's state for another number of slides: each starts at the mean of those."""
    own = network.state_dict()
    scales = known["log_scale"]
    found = {**known, "log_scale": scales.mean().expand(len(own["log_scale"])).clone()}
    for name, weight in known.items():
        if network.batches and weight.ndim == 2 and weight.shape != own[name].shape:
            inner = weight.shape[1] - len(scales)
            told = weight[:, inner:].mean(dim=1, keepdim=True).expand(-1, network.batches)
            found[name] = torch.cat([weight[:, :inner], told], dim=1)
    return found
