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
    dropout: float = option(0.1, "Share of units silenced in training.", low=0.0, high=0.9)


@dataclass(frozen=True)
class ViewConfig(Config):
    """How two views of one expression profile differ."""

    dropout: float = option(0.1, "Share of the genes set to zero.", low=0.0, high=0.95)
    jitter: float = option(
        0.25, "Largest relative change of a profile's depth.", low=0.0, high=0.95
    )
    noise: float = option(
        0.2, "Standard deviation of the noise on log expression.", low=0.0, high=10.0
    )


@dataclass(frozen=True)
class VicregConfig(Config):
    """Keeping what two views share (eq. 1)."""

    invariance: float = option(25.0, "Weight of the distance between two views.", low=0.0)
    variance: float = option(25.0, "Weight of dimensions that vary too little.", low=0.0)
    covariance: float = option(4.0, "Weight of dimensions that say the same.", low=0.0)
    target_std: float = option(
        1.0, "Least standard deviation of a dimension (γ of eq. 1).", low=0.0, advanced=True
    )


@dataclass(frozen=True)
class AdversaryConfig(Config):
    """A network that guesses the source of an embedding, and is to be fooled (eq. 2)."""

    weight: float = option(1.0, "Weight of fooling it (λ_adv); 0 for no adversary.", low=0.0)
    warmup: int = option(
        50, "Steps before sources are drawn together, by any term.", unit="steps", low=0
    )
    ramp: int = option(200, "Steps over which that grows to full strength.", unit="steps", low=1)
    updates: int = option(3, "Times it learns in a step of the encoder.", low=1, high=50)
    rate: float = option(
        3.0, "Its learning rate, in learning rates of the encoder.", low=0.0, advanced=True
    )
    width: int = option(128, "Units of each of its two layers.", low=4, high=4096, advanced=True)
    dropout: float = option(
        0.1, "Share of its units silenced in training.", low=0.0, high=0.9, advanced=True
    )


@dataclass(frozen=True)
class AlignmentConfig(Config):
    """Terms that draw slides and cells together without an adversary (appendix 7.2)."""

    mmd: float = option(20.0, "Weight of the maximum mean discrepancy between sources.", low=0.0)
    coral: float = option(1.0, "Weight of the difference of means and covariances.", low=0.0)
    local: float = option(4.0, "Weight of drawing mutual nearest neighbours together.", low=0.0)
    local_from: int = option(
        100, "Step from which neighbours are drawn together.", unit="steps", low=0, advanced=True
    )
    temperature: float = option(
        0.07, "Sharpness of that: smaller looks at the nearest alone.", low=1e-3, advanced=True
    )


@dataclass(frozen=True)
class ProbeConfig(Config):
    """When sources are mixed well enough to stop."""

    neighbours: int = option(20, "Neighbours that guess the source of a profile.", low=1)
    margin: float = option(
        0.08, "Accuracy above chance at which sources count as mixed.", low=0.0, high=0.9
    )
    least_std: float = option(
        0.1,
        "Standard deviation at or below which a dimension of the embedding has collapsed.",
        low=0.0,
        advanced=True,
    )


@dataclass(frozen=True)
class EncoderLoopConfig(LoopConfig):
    """How the encoder is trained."""

    schedule: str = option(
        "cosine",
        "Learning rate schedule: constant, decay to zero, or warm-up followed by decay.",
        choices=("constant", "cosine", "onecycle"),
        advanced=True,
    )


@dataclass(frozen=True)
class EncoderConfig(Config):
    """Stage A: an embedding in which spots and cells of one kind lie together."""

    PRESETS: ClassVar = {
        "quick": {},
        "standard": {
            "training.steps": 1000,
            "adversary.warmup": 100,
            "adversary.ramp": 700,
            "adversary.width": 512,
        },
        # Section 7.2 of the paper, stage A. An epoch is one batch, as in the published code; the
        # probe halts it: ten looks after the first within the margin, whose weights are kept.
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
            "preprocess.zscore": "reference",
            "preprocess.gene_weights": "none",
            "preprocess.components": 0,
        },
    }

    batch: int = option(
        256, "Profiles in a step: half of them spots, half cells.", unit="profiles", low=8
    )
    network: NetworkConfig = section(NetworkConfig, "The encoder")
    views: ViewConfig = section(ViewConfig, "Two views of a profile", advanced=True)
    vicreg: VicregConfig = section(VicregConfig, "Keeping what views share", advanced=True)
    adversary: AdversaryConfig = section(AdversaryConfig, "Fooling a guesser of the source")
    alignment: AlignmentConfig = section(AlignmentConfig, "Drawing sources together")
    probe: ProbeConfig = section(ProbeConfig, "When to stop", advanced=True)
    training: EncoderLoopConfig = section(EncoderLoopConfig, "How long and how fast")
    preprocess: PreprocessConfig = section(PreprocessConfig, "From counts to input")
