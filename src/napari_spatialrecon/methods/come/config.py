"""Hyper-parameters of COME: one config per task, with a common base."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from napari_spatialrecon.errors import ConfigError
from napari_spatialrecon.faces import setting
from napari_spatialrecon.hyperparameters import Config, option, section
from napari_spatialrecon.methods.placement.config import KnnConfig
from napari_spatialrecon.training.config import LoopConfig

#: Section 2 of the paper and its published code: all terms, softmax over spots, no anchor.
PUBLISHED: dict[str, Any] = {
    "over": "spots",
    "steps": 0,
    "rate": 1e-3,
    "weights.reconstruction": 1.0,
    "weights.coefficient": 1e-3,
    "weights.similarity": 1.0,
    "weights.cell_types": 1.0,
    "weights.cross": 1.0,
    "weights.gene_cosine": 0.0,
    "weights.spot_cosine": 0.0,
    "weights.anchor": 0.0,
    "pretraining.steps": 3000,
    "network.size": "panel",
}

#: Candidate objectives for imputation: eq. 11 as published except for the start, and cosines of
#: genes and spots.
GENE_OBJECTIVES: dict[str, dict[str, Any]] = {
    "eq. 11": {
        "over": "spots",
        "steps": 20,
        "weights.reconstruction": 1.0,
        "weights.coefficient": 1e-3,
        "weights.similarity": 1.0,
        "weights.cell_types": 1.0,
        "weights.cross": 1.0,
        "weights.gene_cosine": 0.0,
        "weights.spot_cosine": 0.0,
    },
    "gene cosines": {
        "over": "cells",
        "weights.reconstruction": 0.0,
        "weights.coefficient": 0.0,
        "weights.similarity": 0.0,
        "weights.cell_types": 0.0,
        "weights.cross": 0.0,
        "weights.gene_cosine": 1.0,
        "weights.spot_cosine": 0.3,
    },
}


@dataclass(frozen=True)
class WeightsConfig(Config):
    """Weights of the loss terms; 0 disables a term."""

    reconstruction: float = option(
        1.0, "Weight of decoding spots and cells from the latents of cells (eq. 3).", low=0.0
    )
    coefficient: float = option(
        1e-3,
        "Weight of matching spot latents to those of their cells (α1, eq. 4).",
        low=0.0,
    )
    ridge: float = option(
        1.0, "Regularization of the mapping's entries within the term above (λ, eq. 4).", low=0.0
    )
    similarity: float = option(
        1.0,
        "Weight of the structural similarity of expression (α2, eq. 7).",
        low=0.0,
    )
    cell_types: float = option(
        1.0,
        "Weight of the cell type contrast (α3, eq. 8); needs labels. It trains the encoder, which "
        "moves the mapping through eq. 3 and 4.",
        low=0.0,
    )
    cross: float = option(
        1.0,
        "Weight of the contrast between cells and their spots (α3, eq. 9). It trains the encoder, "
        "which moves the mapping through eq. 3 and 4.",
        low=0.0,
    )
    gene_cosine: float = option(
        0.0,
        "Weight of the cosine between mapped and measured genes.",
        low=0.0,
    )
    spot_cosine: float = option(
        0.0, "Weight of the cosine between mapped and measured spots.", low=0.0
    )
    anchor: float = option(0.0, "Weight of keeping the mapping near its start.", low=0.0)


@dataclass(frozen=True)
class NetworkConfig(Config):
    """The shared autoencoder; `quick` always uses the small one."""

    size: str = option(
        "small",
        "Hidden units and latent: 256-128, 512-256 or 2048-256, or chosen by the number of genes.",
        choices=("panel", "small", "medium", "large"),
    )
    contrast_temperature: float = option(
        0.8, "Temperature of the contrasts (τ of eq. 8-9).", low=0.01
    )
    contrast_cells: int = option(
        4096,
        "Maximum cells compared per step; above it, a random subset.",
        unit="cells",
        low=2,
    )
    learning_rate: float = option(
        1e-3, "Learning rate of the network while the mapping is trained.", low=1e-6
    )


@dataclass(frozen=True)
class ComeConfig(Config):
    """The mapping: a matrix of logits from cells to spots, and its training."""

    start: str = option(
        "cosine",
        "Start from the similarity of cells and spots in expression, or in the latents of the "
        "pretrained autoencoder; from a constant, all cells start alike.",
        choices=("cosine", "latent", "constant"),
        advanced=True,
    )
    over: str = option(
        "spots",
        "Whether probabilities sum to 1 over the spots of a cell (eq. 5) or the cells of a spot.",
        choices=("spots", "cells"),
        advanced=True,
    )
    steps: int = option(
        5,
        "Training steps of the mapping; 0: 70, 200 or 1000 by the number of genes.",
        low=0,
    )
    rate: float = option(0.05, "Learning rate of the mapping's logits.", low=0.0)
    dense_limit: int = option(
        20,
        "Largest dense matrix of cells and spots; above it, only the most likely entries are kept.",
        unit="million entries",
        low=0,
    )
    kept: int = option(
        256, "Entries kept per row of a matrix above that limit.", low=2, advanced=True
    )
    weights: WeightsConfig = section(WeightsConfig, "Weights of the objective (eq. 11)")
    network: NetworkConfig = section(NetworkConfig, "Shared autoencoder", advanced=True)
    pretraining: LoopConfig = section(
        LoopConfig,
        "Pretraining of the autoencoder",
        advanced=True,
        values={"steps": 100, "patience": 10, "gradient_clip": 0.0},
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        weights = self.weights
        contrasts = weights.cell_types or weights.cross
        if contrasts and not (weights.reconstruction or weights.coefficient):
            raise ConfigError(
                "Expected the terms of eq. 3 or 4 beside a contrast (eq. 8, 9), found a weight of "
                "0 for both: the contrast would train the encoder, and nothing the mapping.",
                remedy=f"Try {setting('weights.coefficient', 0.001)}.",
                where="weights",
            )

    @property
    def needs_network(self) -> bool:
        """Whether the start or a term of the objective uses latents."""
        weights = self.weights  # the contrasts are never without one of these two
        return self.start == "latent" or bool(weights.reconstruction or weights.coefficient)

    def joint_steps(self, n_genes: int) -> int:
        """Return the number of training steps of the mapping for a panel with this many genes."""
        return self.steps or (70 if n_genes <= 400 else 200 if n_genes <= 1000 else 1000)


@dataclass(frozen=True)
class ComePlaceConfig(ComeConfig):
    """Placement of cells by their rows of the mapping."""

    PRESETS: ClassVar = {
        "quick": {},
        "standard": {"pretraining.steps": 600, "network.size": "panel"},
        "paper": {**PUBLISHED, "balance": 0.0, "readout": "argmax"},
    }
    GONE: ClassVar = ("temperature",)

    readout: str = option(
        "expected",
        "Place a cell at the mean of its most likely spots, the most likely, or a sampled one.",
        choices=("expected", "argmax", "sampled"),
    )
    balance: float = option(
        0.25,
        "Down-weighting of spots that attract too many cells; 1: all attract equally. Assumes "
        "that the cells cover the slides.",
        low=0.0,
        high=1.0,
    )
    cell_counts: str = option(
        "",
        "obs column of the slides with the number of cells per spot (COME+): spots are balanced "
        "towards these; if empty, equally.",
        advanced=True,
    )
    labels: str = option(
        "", "obs column of the cells with their types, for eq. 8; empty for none.", advanced=True
    )
    baseline: KnnConfig = section(KnnConfig, "Features for comparing cells and spots")


@dataclass(frozen=True)
class ComeMappingConfig(ComeConfig):
    """Base for genes and mixtures: rows are spots, and gene patterns are fitted directly."""

    temperature: float = option(
        0.1,
        "Temperature of the cosine similarities in the initial logits.",
        low=1e-3,
        high=10.0,
    )
    over: str = option(
        "cells",
        "Whether probabilities sum to 1 over the spots of a cell (eq. 5) or the cells of a spot.",
        choices=("spots", "cells"),
        advanced=True,
    )
    weights: WeightsConfig = section(
        WeightsConfig,
        "Weights of the objective (eq. 11)",
        values={
            "reconstruction": 0.0,
            "coefficient": 0.0,
            "similarity": 0.0,
            "cell_types": 0.0,
            "cross": 0.0,
            "gene_cosine": 1.0,
            "spot_cosine": 0.3,
        },
    )


@dataclass(frozen=True)
class ComeGenesConfig(ComeMappingConfig):
    """Imputation of genes as means over the cells of a spot."""

    PRESETS: ClassVar = {
        "quick": {},
        "standard": {"folds": 5},
        "paper": {**PUBLISHED, "choose": False, "mappings": 1},
    }

    steps: int = option(
        80,
        "Maximum training steps of the mapping; 0: 70, 200 or 1000 by the number of genes.",
        low=0,
    )
    labels: str = option(
        "",
        "obs column of the reference with the types of its cells, for eq. 8; empty for none.",
        advanced=True,
    )
    choose: bool = option(
        True,
        "Choose the objective (its weights and `over`) and the number of steps on held-out shared "
        "genes.",
    )
    inner_share: float = option(
        0.2,
        "Share of the genes held out for this choice.",
        low=0.05,
        high=0.5,
        advanced=True,
    )
    folds: int = option(1, "Random splits for this choice.", low=1, high=20, advanced=True)
    mappings: int = option(
        5,
        "Number of mappings to average, each trained without another part of the genes, if "
        "that is better on held-out genes; 1: always one mapping.",
        low=1,
        high=20,
        advanced=True,
    )


@dataclass(frozen=True)
class ComeMixturesConfig(ComeMappingConfig):
    """Deconvolution by the shares of cell types in a spot's row of the mapping."""

    PRESETS: ClassVar = {
        "quick": {},
        "standard": {"steps": 300},
        "paper": {**PUBLISHED, "prior": "none", "sizes": False, "top_share": 0.1},
    }

    steps: int = option(
        100,
        "Training steps of the mapping; 0: 70, 200 or 1000 by the number of genes.",
        low=0,
    )
    rate: float = option(0.1, "Learning rate of the mapping's logits.", low=0.0)
    weights: WeightsConfig = section(
        WeightsConfig,
        "Weights of the objective (eq. 11)",
        values={
            "reconstruction": 0.0,
            "coefficient": 0.0,
            "similarity": 0.0,
            "cell_types": 0.0,
            "cross": 0.0,
            "gene_cosine": 1.0,
            "spot_cosine": 1.0,
            "anchor": 0.03,
        },
    )
    top_genes: int = option(
        2000, "Number of most variable genes kept if there are more.", unit="genes", low=10
    )
    prior: str = option(
        "counts",
        "COME+: start near the proportions that fit the types' mean profiles to the counts (by "
        "likelihood or least squares), or not.",
        choices=("counts", "squares", "none"),
    )
    sizes: bool = option(
        True,
        "Report shares of cells, not RNA: a type with twice the RNA per cell counts half.",
    )
    top_share: float = option(
        1.0,
        "Share of the most likely cells used to compute a spot's mixture (0.1 in the paper).",
        low=0.001,
        high=1.0,
        advanced=True,
    )
