"""Hyper-parameters of the shared encoder (section 3.1 and appendix 7.2, stage A)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from napari_spatialrecon.hyperparameters import Config, option, section
from napari_spatialrecon.tissue.preprocess_config import PreprocessConfig
from napari_spatialrecon.training.config import LoopConfig


@dataclass(frozen=True)
class NetworkConfig(Config):
    """The encoder f_θ."""

    first: int = option(512, "Units of the first layer.", low=4, high=4096)
    second: int = option(256, "Units of the second layer.", low=4, high=4096)
    embedding: int = option(128, "Dimensions of the embedding.", low=2, high=1024)
    dropout: float = option(0.1, "Dropout rate in training.", low=0.0, high=0.9)


@dataclass(frozen=True)
class ViewConfig(Config):
    """Differences between two views of one expression profile."""

    dropout: float = option(0.1, "Share of genes set to zero.", low=0.0, high=0.95)
    jitter: float = option(
        0.25, "Largest relative change of a profile's depth.", low=0.0, high=0.95
    )
    noise: float = option(
        0.2, "Standard deviation of the noise on log expression.", low=0.0, high=10.0
    )


@dataclass(frozen=True)
class VicregConfig(Config):
    """Agreement of two views (eq. 1)."""

    invariance: float = option(25.0, "Weight of the distance between two views.", low=0.0)
    variance: float = option(25.0, "Penalty on dimensions that vary too little.", low=0.0)
    covariance: float = option(4.0, "Penalty on redundant dimensions.", low=0.0)
    target_std: float = option(
        1.0,
        "Target minimum standard deviation of a dimension (γ of eq. 1).",
        low=0.0,
        advanced=True,
    )


@dataclass(frozen=True)
class AdversaryConfig(Config):
    """An adversary that classifies the source of an embedding (eq. 2)."""

    weight: float = option(
        1.0, "Weight of the adversarial loss (λ_adv); 0 for no adversary.", low=0.0
    )
    warmup: int = option(50, "Steps before any alignment term is used.", unit="steps", low=0)
    ramp: int = option(
        200, "Steps over which alignment rises to full strength.", unit="steps", low=1
    )
    updates: int = option(3, "Adversary updates per encoder step.", low=1, high=50)
    rate: float = option(
        3.0, "Adversary learning rate relative to the encoder's.", low=0.0, advanced=True
    )
    width: int = option(128, "Units in each of its two layers.", low=4, high=4096, advanced=True)
    dropout: float = option(0.1, "Dropout rate of the adversary.", low=0.0, high=0.9, advanced=True)


@dataclass(frozen=True)
class AlignmentConfig(Config):
    """Terms that align slides and cells without an adversary (appendix 7.2)."""

    mmd: float = option(20.0, "Weight of the maximum mean discrepancy between sources.", low=0.0)
    coral: float = option(1.0, "Weight of the difference of means and covariances.", low=0.0)
    local: float = option(4.0, "Weight of aligning mutual nearest neighbors.", low=0.0)
    local_from: int = option(
        100, "Step from which neighbors are aligned.", unit="steps", low=0, advanced=True
    )
    temperature: float = option(
        0.07, "Temperature of this term; smaller uses only the nearest.", low=1e-3, advanced=True
    )


@dataclass(frozen=True)
class ProbeConfig(Config):
    """Stopping criterion: when sources are mixed well enough."""

    neighbours: int = option(20, "Neighbors used to predict the source of a profile.", low=1)
    margin: float = option(
        0.08, "Accuracy above chance at which sources count as mixed.", low=0.0, high=0.9
    )
    least_std: float = option(
        0.1,
        "Standard deviation at or below which a dimension counts as collapsed.",
        low=0.0,
        advanced=True,
    )


@dataclass(frozen=True)
class EncoderLoopConfig(LoopConfig):
    """Training of the encoder."""

    schedule: str = option(
        "cosine",
        "Learning rate schedule: constant, decay to zero, or warm-up followed by decay.",
        choices=("constant", "cosine", "onecycle"),
        advanced=True,
    )


@dataclass(frozen=True)
class EncoderConfig(Config):
    """Stage A: an embedding in which similar spots and cells are close."""

    PRESETS: ClassVar = {
        "quick": {},
        "standard": {
            "training.steps": 1000,
            "adversary.warmup": 100,
            "adversary.ramp": 700,
            "adversary.width": 512,
        },
        # Section 7.2 of the paper, stage A. An epoch is one batch, as in the published code. The
        # probe stops training ten evaluations after the first within the margin, whose weights
        # are kept.
        "paper": {
            "batch": 32,
            "views.dropout": 0.3,
            "views.noise": 0.015,
            "vicreg.covariance": 1.0,
            "adversary.weight": 50.0,
            "adversary.width": 512,
            "training.steps": 2000,
            "training.learning_rate": 1e-4,
            "training.schedule": "constant",
            "training.weight_decay": 1e-2,
            "training.patience": 10,
            "preprocess.depth": "fixed",
            "preprocess.zscore": "none",
            "preprocess.gene_weights": "none",
            "preprocess.components": 0,
        },
    }

    batch: int = option(256, "Profiles per step: half spots, half cells.", unit="profiles", low=8)
    network: NetworkConfig = section(NetworkConfig, "The encoder")
    views: ViewConfig = section(ViewConfig, "Two views of a profile", advanced=True)
    vicreg: VicregConfig = section(VicregConfig, "Agreement of views", advanced=True)
    adversary: AdversaryConfig = section(AdversaryConfig, "Adversary on the source")
    alignment: AlignmentConfig = section(AlignmentConfig, "Alignment of sources")
    probe: ProbeConfig = section(ProbeConfig, "Stopping", advanced=True)
    training: EncoderLoopConfig = section(EncoderLoopConfig, "Training")
    preprocess: PreprocessConfig = section(PreprocessConfig, "From counts to input")
