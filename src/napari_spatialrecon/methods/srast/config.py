"""Hyper-parameters of SRast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from napari_spatialrecon.hyperparameters import Config, option, section
from napari_spatialrecon.training.config import LoopConfig


@dataclass(frozen=True)
class SasaConfig(Config):
    """Structure-aware semantic alignment: a graph autoencoder fitted to the slide (eq. 5-10)."""

    encoder: str = option(
        "graph", "Description of a spot: the graph autoencoder, or PCA (an ablation).",
        choices=("graph", "pca"), advanced=True,
    )  # fmt: skip
    latent_norm: bool = option(True, "Whether latents are normalized (eq. 9).", advanced=True)
    neighbours: int = option(
        6, "Number of neighbors in space, and of neighbors in expression (eq. 5).", low=1
    )
    components: int = option(50, "Principal components for neighbors in expression.", low=2)
    hidden: int = option(128, "Units of the hidden layer.", low=8, high=4096)
    latent: int = option(30, "Latent dimensions.", low=2, high=512)
    kl_weight: float = option(0.001, "Weight of the KL divergence (eq. 10).", low=0.0)
    errors: str = option(
        "mean",
        "Weigh the KL divergence of a spot against the mean of its genes' squared errors, or "
        "against their sum, as eq. 10 has it.",
        choices=("mean", "sum"),
        advanced=True,
    )
    genes: int = option(1000, "Number of most variable genes used by the autoencoder.", low=10)
    spots: int = option(
        3000, "Maximum number of spots for fitting; all spots are encoded.", unit="spots", low=50
    )
    training: LoopConfig = section(
        LoopConfig,
        "Fitting",
        values={
            "steps": 60,
            "learning_rate": 3e-3,
            "weight_decay": 1e-4,
            "gradient_clip": 5.0,
            "checkpoint_every": 0,
        },
    )


@dataclass(frozen=True)
class FlowConfig(Config):
    """The flow and its losses (eq. 11-26)."""

    smoothing: float = option(
        0.1, "Added to ratios before their logarithm (ε_s of eq. 11).", low=1e-9, high=1.0
    )
    flow_weight: float = option(0.3, "Weight of flow matching (eq. 21).", low=0.0, advanced=True)
    boundary_weight: float = option(
        1.0, "Weight of the boundary-consistent regularizer (eq. 22).", low=0.0, advanced=True
    )
    boundary_power: float = option(
        0.0, "The regularizer's weight is time to this power (2 in the paper).", low=0.0,
        advanced=True,
    )  # fmt: skip
    temperature: float = option(
        1.0, "Temperature of the regularizer (τ of eq. 22-23).", low=0.01, advanced=True
    )
    target: str = option(
        "ratios",
        "What the regularizer aims at: the true ratios, or the softmax of their logits at its "
        "temperature, as eq. 22 has it.",
        choices=("ratios", "logits"),
        advanced=True,
    )
    start_share: float = option(
        0.5, "Share of training at time 0, at which the mean is read.", low=0.0, high=1.0,
        advanced=True,
    )  # fmt: skip
    count_power: float = option(
        0.5, "Exponent of the counts in the weight of a pair.", low=0.0, high=1.0, advanced=True
    )
    reading: str = option(
        "mean", "Read the flow as a conditional mean in one step, or as the mean of draws.",
        choices=("mean", "draws"),
    )  # fmt: skip
    starts: int = option(2, "Number of starting points to average.", low=1, high=64)
    draws: int = option(0, "Number of samples for the uncertainty; 0 for none.", low=0, high=256)
    steps: int = option(10, "Euler steps per sample (eq. 25).", low=1, high=500)
    solver: str = option(
        "euler", "Integration method of a sample.", choices=("euler", "midpoint"), advanced=True
    )


@dataclass(frozen=True)
class SRastConfig(Config):
    """SRast: a flow on the simplex that splits counts, adapted to the slide."""

    PRESETS: ClassVar = {
        "quick": {},
        "standard": {
            "flow.starts": 4,
            "flow.draws": 8,
            "sasa.hidden": 512,
            "sasa.training.steps": 200,
            "adapt.steps": 500,
        },
        # The paper's own values where it states them, and the card's for sizes it leaves open.
        "paper": {
            "hidden": 256,
            "depth": 4,
            "heads": 4,
            "flow.smoothing": 1e-6,
            "flow.flow_weight": 1.0,
            "flow.boundary_power": 2.0,
            "flow.temperature": 2.0,
            "flow.target": "logits",
            "flow.start_share": 0.0,
            "flow.count_power": 0.0,
            "flow.reading": "draws",
            "flow.draws": 8,
            "flow.steps": 50,
            "sasa.hidden": 512,
            "sasa.errors": "sum",
            "sasa.training.steps": 500,
            "sasa.training.learning_rate": 1e-3,
            "training.learning_rate": 1e-4,
            "training.ema": 0.999,
            "coarse_pair": False,
        },
    }

    hidden: int = option(32, "Units of the transformer.", low=8, high=1024)
    depth: int = option(2, "Blocks of the transformer.", low=1, high=24)
    heads: int = option(4, "Attention heads.", low=1, high=32)
    coarse_pair: bool = option(True, "Adapt to the slide by summing its spots into coarser ones.")
    batch: int = option(1024, "Pairs of spot and gene per step.", low=16, advanced=True)
    pool: int = option(
        60_000, "Maximum pairs of spot and gene per slide for training.", low=100, advanced=True
    )
    sasa: SasaConfig = section(SasaConfig, "Alignment (SASA)")
    flow: FlowConfig = section(FlowConfig, "Flow (PCFM)")
    adapt: LoopConfig = section(
        LoopConfig,
        "Adaptation to the slide",
        advanced=True,
        values={
            "steps": 240,
            "learning_rate": 1e-3,
            "schedule": "cosine",
            "validate_every": 20,
            "checkpoint_every": 0,
        },
    )
    training: LoopConfig = section(
        LoopConfig,
        "Training of a generalist",
        advanced=True,
        values={
            "steps": 2000,
            "learning_rate": 2e-3,
            "weight_decay": 1e-4,
            "schedule": "cosine",
            "ema": 0.99,
            "validate_every": 100,
        },
    )
