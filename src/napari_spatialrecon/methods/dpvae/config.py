"""Hyper-parameters of dp-VAE."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from napari_spatialrecon.hyperparameters import Config, option, section
from napari_spatialrecon.methods.ensemble.config import EnsembleConfig


@dataclass(frozen=True)
class NetworkConfig(Config):
    """The encoder and decoder."""

    layers: int = option(3, "Hidden layers of the encoder and of the decoder.", low=1, high=10)
    width: int = option(256, "Units of a hidden layer.", low=4, high=4096)
    latent: int = option(
        2, "Latent dimensions; with 2 the latent is the layout, above it eq. 6 is solved.", low=2
    )
    dropout: float = option(0.0, "Dropout rate in training.", low=0.0, high=0.9)
    likelihood: str = option(
        "gaussian",
        "Output of the decoder: features (gaussian) or counts (nb, negative binomial).",
        choices=("gaussian", "nb"),
    )
    batch: str = option(
        "none",
        "What the decoder is told beside the latent: nothing, or the slide that a spot is of, as "
        "the batch of scVI, so that the latent need not tell slides apart.",
        choices=("none", "slide"),
        advanced=True,
    )
    backbone: str = option(
        "mlp",
        "Plain network, or scVI's encoder and decoder (needs scvi-tools).",
        choices=("mlp", "scvi"),
        advanced=True,
    )


@dataclass(frozen=True)
class MaskConfig(Config):
    """Which pairs of spots count (eq. 5)."""

    kind: str = option(
        "none",
        "All pairs, spatial neighbors, or pairs in the same expression cluster.",
        choices=("none", "spatial", "expression"),
    )
    neighbours: int = option(30, "Spatial neighbors of a spot, for 'spatial'.", low=2)
    clusters: int = option(8, "Expression clusters, for 'expression'.", low=2)
    column: str = option(
        "torn",
        "Column of a slide with its pieces, if there is one: pairs in different pieces do not "
        "count, as after a tear.",
    )
    within: bool = option(
        True,
        "Pairs within a piece count; otherwise only those within the largest, as where the others "
        "are folded or damaged.",
    )
    draws: str = option(
        "auto",
        "Spots of a step: from anywhere on a slide, or near one another; automatically near for "
        "'spatial'.",
        choices=("auto", "anywhere", "near"),
    )


@dataclass(frozen=True)
class DPVAEConfig(EnsembleConfig):
    """dp-VAE: distances between latent means follow distances in the tissue."""

    PRESETS: ClassVar = {
        "quick": {},
        "standard": {"members": 8, "training.steps": 600},
        # Sections 4 and 5.1 of the paper: one hidden layer, latent 2, Gaussian, no mask, all
        # coefficients of the ELBO one, no noise, the most variable genes as input.
        "paper": {
            "reconstruction": 1.0,
            "noise": 0.0,
            "unit_length": False,
            "inputs": "components",
            "members": 1,
            "spots_per_step": 2000,
            "network.layers": 1,
            "training.steps": 1000,
            "preprocess.depth": "fixed",
            "preprocess.gene_weights": "none",
            "preprocess.components": 0,
        },
        # The paper's ablation (section 5.3): no distance-preserving term.
        "vae": {"alpha": 0.0, "reconstruction": 1.0},
    }

    alpha: float = option(
        100.0, "Weight of the distance-preserving loss (α of eq. 4); 0 is a plain VAE.", low=0.0
    )
    beta: float = option(1.0, "Weight of the KL divergence (β of eq. 4).", low=0.0)
    reconstruction: float = option(0.1, "Weight of the reconstruction loss (eq. 2).", low=0.0)
    spots_per_step: int = option(
        384, "Spots per slide whose pairs are used in a step.", unit="spots", low=8
    )
    landmarks: str = option(
        "auto",
        "With more than 2 latent dimensions and landmarks: keep distances of the networks' planar "
        "layout, of their latents (eq. 7), or whichever places left-out landmarks better.",
        choices=("auto", "plane", "latent"),
        advanced=True,
    )
    network: NetworkConfig = section(NetworkConfig, "Encoder and decoder")
    mask: MaskConfig = section(MaskConfig, "Which pairs of spots count", advanced=True)

    def with_networks_of(self, base: DPVAEConfig) -> DPVAEConfig:
        """Return a copy with the settings of `base` that determine its networks and inputs."""
        return replace(
            self,
            network=base.network,
            preprocess=base.preprocess,
            inputs=base.inputs,
            scalings=base.scalings,
            unit_length=base.unit_length,
            members=base.members,
        )
