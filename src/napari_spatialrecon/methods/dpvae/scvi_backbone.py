"""scVI's encoder and decoder with the distance-preserving loss (table I of the paper)."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import setting
from napari_spatialrecon.methods.dpvae.config import NetworkConfig
from napari_spatialrecon.methods.dpvae.network import LOG_VARIANCE_BIAS, Network


class ScviNetwork(Network):
    """`Network` with the encoder and decoder of scvi-tools (Lopez et al. 2018).

    Raises
    ------
    InputError
        scvi-tools is not installed, or the likelihood is not the negative binomial.
    """

    def __init__(
        self, n_features: int, n_outputs: int, n_slides: int, config: NetworkConfig
    ) -> None:
        try:
            from scvi.nn import DecoderSCVI, Encoder
        except ImportError as error:
            raise InputError(
                "Expected scvi-tools for backbone 'scvi', found it missing.",
                remedy="Try pip install napari-spatialrecon[scvi], or backbone mlp.",
                where="network.backbone",
            ) from error
        if config.likelihood != "nb":
            raise InputError(
                f"Expected likelihood nb with backbone 'scvi', found {config.likelihood}.",
                remedy=f"Try {setting('network.likelihood', 'nb')}.",
                where="network.backbone",
            )
        super().__init__(n_features, n_outputs, n_slides, config)
        sizes = {"n_layers": config.layers, "n_hidden": config.width}
        self.encoder = Encoder(
            n_features, config.latent, dropout_rate=config.dropout, return_dist=True, **sizes
        )
        torch.nn.init.constant_(self.encoder.var_encoder.bias, LOG_VARIANCE_BIAS)
        told = [self.batches] if self.batches else None
        self.decoder = DecoderSCVI(config.latent, n_outputs, n_cat_list=told, **sizes)
        del self.mean, self.log_variance

    def encode(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of q(z|x), each (n, latent)."""
        posterior, _ = self.encoder(features)
        return posterior.loc, 2 * torch.log(posterior.scale)

    def decode(self, sample: Tensor, slide: int = 0) -> Tensor:
        """Return shares of the counts, of spots of a slide."""
        library = torch.zeros(len(sample), 1, device=sample.device)
        batch = torch.full((len(sample), 1), slide, device=sample.device)
        told = (batch,) if self.batches else ()
        shares: Tensor = self.decoder("gene", sample, library, *told)[0]
        return shares
