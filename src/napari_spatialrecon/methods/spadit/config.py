"""Hyper-parameters of SpaDiT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from napari_spatialrecon.hyperparameters import Config, option, section
from napari_spatialrecon.methods.genes.config import MappingConfig
from napari_spatialrecon.training.config import LoopConfig


@dataclass(frozen=True)
class BasesConfig(Config):
    """Linear maps that the network starts from; each knows a gene from other genes alone."""

    on: bool = option(True, "Start from linear maps; off, the network works from the cells alone.")
    neighbours: int = option(50, "Cells most like a spot.", unit="cells", low=1)
    components_alike: int = option(
        30, "Joint components by which a second set of similar cells is found.", low=1
    )
    kernel_scale: float = option(
        0.5, "γ of the kernel over gene-gene correlations.", low=0.0, advanced=True
    )
    kernel_ridge: float = option(0.1, "λ of that kernel.", low=1e-6, advanced=True)
    components: int = option(100, "Principal components of the cells.", low=1, advanced=True)
    component_scale: float = option(1.0, "γ of the kernel over components.", low=0.0, advanced=True)
    component_ridge: float = option(0.3, "λ of that kernel.", low=1e-6, advanced=True)
    ridge: float = option(1.0, "λ of the linear regression on genes.", low=1e-6, advanced=True)
    spread_steps: int = option(
        20, "Steps of the map in which a cell counts once over all spots.", low=0, advanced=True
    )
    spread_rate: float = option(0.05, "Size of a step of it, in logits.", low=0.0, advanced=True)
    mapping: bool = option(True, "Use the linear map from cells to spots as a base.")
    smoothing: int = option(8, "Neighbours in space of each base's mean.", unit="spots", low=1)
    mapped: MappingConfig = section(MappingConfig, "The linear map", advanced=True)


@dataclass(frozen=True)
class NetworkConfig(Config):
    """The diffusion transformer."""

    on: bool = option(True, "Train the network; off, the bases alone impute.")
    backbone: str = option(
        "transformer",
        "Whether spots of a gene attend to one another, or each is denoised alone.",
        choices=("transformer", "mlp"),
    )
    width: int = option(32, "Units of a token.", low=8, high=2048)
    depth: int = option(2, "Transformer blocks.", low=1, high=32)
    heads: int = option(2, "Attention heads.", low=1, high=32)
    tokens: int = option(192, "Groups of cells that the condition attends to.", low=4)
    condition: str = option(
        "attention",
        "How the reference conditions the network (ψ): attention over groups of cells, their mean "
        "through a plain layer, or not at all.",
        choices=("attention", "mlp", "none"),
        advanced=True,
    )
    common_only: bool = option(
        False, "Let the condition see the shared genes of the reference alone.", advanced=True
    )
    concat: bool = option(
        True, "Join the gene's vector over the cells to its tokens (φ, eq. 2).", advanced=True
    )


@dataclass(frozen=True)
class DiffusionConfig(Config):
    """Noise, and how it is taken away."""

    levels: int = option(200, "Noise levels (T).", low=2, high=2000)
    mean_share: float = option(
        0.5, "Share of training samples without any signal: they teach the mean.", low=0.0, high=1.0
    )
    steps: int = option(5, "Steps of the sampler (DDIM).", low=1, high=200)
    draws: int = option(4, "Maps drawn for the spread; 0 for a spread from held-out genes.", low=0)
    output: str = option(
        "mean",
        "What is given: the mean branch, or the mean of the drawn maps.",
        choices=("mean", "draws"),
    )
    masked_values: float = option(
        1.0, "Share of the expressed spots that a step judges.", low=0.0, high=1.0, advanced=True
    )
    masked_zeros: float = option(
        1.0, "Share of the other spots that a step judges.", low=0.0, high=1.0, advanced=True
    )
    balanced: bool = option(
        False, "Weigh expressed and other spots alike, however many there are.", advanced=True
    )


@dataclass(frozen=True)
class SpaDiTConfig(Config):
    """A diffusion transformer that corrects linear maps of a gene."""

    PRESETS: ClassVar = {
        "quick": {},
        "standard": {
            "networks": 5,
            "training.steps": 300,
            "spots_per_step": 256,
            "diffusion.draws": 8,
            "diffusion.steps": 20,
        },
        # Sections "Training phase" and "Inference phase": noise to expression without linear bases
        # or a mean branch, the mean of drawn maps as the output; one split 70/20/10 of the genes.
        "paper": {
            "bases.on": False,
            "networks": 1,
            "network.width": 256,
            "network.depth": 6,
            "network.heads": 8,
            "diffusion.mean_share": 0.0,
            "diffusion.output": "draws",
            "diffusion.steps": 50,
            "diffusion.draws": 8,
            "diffusion.masked_values": 0.3,
            "diffusion.masked_zeros": 0.1,
            "diffusion.balanced": True,
            "training.steps": 3000,
            "training.learning_rate": 2e-4,
            "training.ema": 0.999,
            "genes_per_step": 64,
            "looks": 1_000_000,
        },
    }

    folds: int = option(
        5, "Parts of the shared genes that the bases are held out in.", low=2, high=20
    )
    networks: int = option(
        3,
        "Networks, each trained without a part of the genes that judges it; their mean is used. "
        "With 1, 70 % of the genes train, 20 % choose and 10 % judge.",
        low=1,
        high=20,
    )
    genes_per_step: int = option(8, "Genes in a training step.", unit="genes", low=1)
    looks: int = option(
        12,
        "How often a gene is met in training at most: with few genes, training ends earlier.",
        low=1,
        advanced=True,
    )
    spots_per_step: int = option(192, "Spots of a gene that attend to one another.", low=8)
    bases: BasesConfig = section(BasesConfig, "Linear maps")
    network: NetworkConfig = section(NetworkConfig, "The network")
    diffusion: DiffusionConfig = section(DiffusionConfig, "Noise and sampling")
    training: LoopConfig = section(
        LoopConfig,
        "Training",
        values={
            "steps": 200,
            "learning_rate": 1e-3,
            "weight_decay": 1e-2,
            "schedule": "cosine",
            "ema": 0.98,
            "validate_every": 100,
        },
    )
