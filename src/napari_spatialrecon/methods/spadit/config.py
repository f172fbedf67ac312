"""Hyper-parameters of SpaDiT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from napari_spatialrecon.hyperparameters import Config, option, section
from napari_spatialrecon.methods.genes.config import MappingConfig
from napari_spatialrecon.training.config import LoopConfig


@dataclass(frozen=True)
class BasesConfig(Config):
    """Linear maps from which the network starts; each predicts a gene from other genes only."""

    on: bool = option(True, "Start from linear maps; if off, the network uses only the cells.")
    neighbours: int = option(50, "Number of most similar cells per spot.", unit="cells", low=1)
    components_alike: int = option(
        30, "Joint components used to find a second set of similar cells.", low=1
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
        20, "Steps of the map in which each cell counts once over all spots.", low=0, advanced=True
    )
    spread_rate: float = option(0.05, "Learning rate of this map's logits.", low=0.0, advanced=True)
    mapping: bool = option(True, "Use the linear map from cells to spots as a base.")
    smoothing: int = option(8, "Spatial neighbors for smoothing each base.", unit="spots", low=1)
    mapped: MappingConfig = section(MappingConfig, "The linear map", advanced=True)


@dataclass(frozen=True)
class NetworkConfig(Config):
    """The diffusion transformer."""

    on: bool = option(True, "Train the network; if off, only the bases are used.")
    backbone: str = option(
        "transformer",
        "Whether the spots of a gene attend to each other, or each is denoised on its own.",
        choices=("transformer", "mlp"),
    )
    width: int = option(32, "Width of a token.", low=8, high=2048)
    depth: int = option(2, "Transformer blocks.", low=1, high=32)
    heads: int = option(2, "Attention heads.", low=1, high=32)
    tokens: int = option(192, "Number of cell groups to which the condition attends.", low=4)
    condition: str = option(
        "attention",
        "How the reference conditions the network (ψ): attention over groups of cells, their mean "
        "through a linear layer, or not at all.",
        choices=("attention", "mlp", "none"),
        advanced=True,
    )
    common_only: bool = option(
        False, "Condition only on the shared genes of the reference.", advanced=True
    )
    concat: bool = option(
        True, "Append the gene's vector over the cells to its tokens (φ, eq. 2).", advanced=True
    )


@dataclass(frozen=True)
class DiffusionConfig(Config):
    """Noise and denoising."""

    levels: int = option(200, "Number of noise levels (T).", low=2, high=2000)
    mean_share: float = option(
        0.5,
        "Share of training samples without signal, which train the mean.",
        low=0.0,
        high=1.0,
    )
    steps: int = option(5, "Steps of the sampler (DDIM).", low=1, high=200)
    draws: int = option(
        4,
        "Maps sampled for the spread; 0: from held-out genes only.",
        low=0,
    )
    large: int = option(
        5000,
        "Spots from which on at most 2 maps of 3 steps are sampled where they serve the spread "
        "alone: with more, sampling takes six sevenths of the time. 0: never.",
        unit="spots",
        low=0,
        advanced=True,
    )
    output: str = option(
        "mean",
        "Output: the mean branch, or the mean of the sampled maps.",
        choices=("mean", "draws"),
    )
    masked_values: float = option(
        1.0,
        "Share of the expressed spots masked in a step.",
        low=0.0,
        high=1.0,
        advanced=True,
    )
    masked_zeros: float = option(
        1.0, "Share of the other spots that is masked in a step.", low=0.0, high=1.0, advanced=True
    )
    balanced: bool = option(
        False, "Give expressed and other spots equal weight, whatever their numbers.", advanced=True
    )

    def sampled(self, spots: int) -> tuple[int, int]:
        """Return how many maps are sampled over so many spots, and in how many steps."""
        if self.output == "mean" and 0 < self.large <= spots:
            return min(self.draws, 2), min(self.steps, 3)
        return self.draws, self.steps


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
        # or a mean branch, the mean of sampled maps as the output; one 70/20/10 split of the genes.
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

    folds: int = option(5, "Folds of the shared genes for out-of-fold bases.", low=2, high=20)
    networks: int = option(
        3,
        "Number of networks, each evaluated on a held-out part of the genes; their mean is used. "
        "With 1, genes are split 70/20/10% for training, model selection and evaluation.",
        low=1,
        high=20,
    )
    genes_per_step: int = option(8, "Genes per training step.", unit="genes", low=1)
    looks: int = option(
        12,
        "Maximum uses of a gene in training; with few genes, training ends earlier.",
        low=1,
        advanced=True,
    )
    spots_per_step: int = option(192, "Number of spots of a gene that attend to each other.", low=8)
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
