"""Hyper-parameters of COME, one config a task over a common base."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from napari_spatialrecon.hyperparameters import Config, option, section
from napari_spatialrecon.methods.placement.config import KnnConfig
from napari_spatialrecon.training.config import LoopConfig

#: Section 2 of the paper and its published code: every term on, softmax over spots, no anchor.
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

#: What imputing genes chooses between: eq. 11 as published but for the start, and cosines of genes
#: and spots.
GENE_OBJECTIVES: dict[str, dict[str, Any]] = {
    "eq. 11": {
        "over": "spots",
        "steps": 20,
        "weights.reconstruction": 1.0,
        "weights.coefficient": 1e-3,
        "weights.similarity": 1.0,
        "weights.cross": 1.0,
        "weights.gene_cosine": 0.0,
        "weights.spot_cosine": 0.0,
    },
    "gene cosines": {
        "over": "cells",
        "weights.reconstruction": 0.0,
        "weights.coefficient": 0.0,
        "weights.similarity": 0.0,
        "weights.cross": 0.0,
        "weights.gene_cosine": 1.0,
        "weights.spot_cosine": 0.3,
    },
}


@dataclass(frozen=True)
class WeightsConfig(Config):
    """Weights of the terms; 0 leaves a term out."""

    reconstruction: float = option(
        1.0, "Spots and cells are decoded from the latents of cells (eq. 3).", low=0.0
    )
    coefficient: float = option(
        1e-3, "Latents of spots are means of the latents of their cells (α1, eq. 4).", low=0.0
    )
    ridge: float = option(
        1.0, "Pull of the mapping's entries to 0, within the term above (λ, eq. 4).", low=0.0
    )
    similarity: float = option(
        1.0, "Structural similarity of measured and mapped expression (α2, eq. 7).", low=0.0
    )
    cell_types: float = option(
        1.0, "Cells of one type have similar latents (α3, eq. 8); needs labels.", low=0.0
    )
    cross: float = option(
        1.0, "A cell's latent is near that of its most probable spot (α3, eq. 9).", low=0.0
    )
    gene_cosine: float = option(
        0.0, "Each gene's mapped pattern over the spots is its measured one.", low=0.0
    )
    spot_cosine: float = option(0.0, "Each spot's mapped expression is its measured one.", low=0.0)
    anchor: float = option(0.0, "The mapping stays near where it started.", low=0.0)


@dataclass(frozen=True)
class NetworkConfig(Config):
    """The shared autoencoder; `quick` takes the small one, whatever the panel."""

    size: str = option(
        "small",
        "Hidden units and latent: 256-128, 512-256 or 2048-256, or as the number of genes asks.",
        choices=("panel", "small", "medium", "large"),
    )
    contrast_temperature: float = option(
        0.8, "Temperature of the contrasts (τ of eq. 8-9).", low=0.01
    )
    contrast_cells: int = option(
        4096, "Most cells compared in a step; beyond, a new draw each step.", unit="cells", low=2
    )
    learning_rate: float = option(
        1e-3, "Size of the network's steps while the mapping is learned.", low=1e-6
    )


@dataclass(frozen=True)
class ComeConfig(Config):
    """A matrix of logits from cells to spots, and what it is trained for."""

    start: str = option(
        "cosine",
        "Start from the similarity of cells and spots; from a constant, all cells choose alike.",
        choices=("cosine", "constant"),
        advanced=True,
    )
    temperature: float = option(
        0.05, "Logits start as cosine similarity over this.", low=1e-3, high=10.0
    )
    over: str = option(
        "spots",
        "Probabilities sum to 1 over the spots of a cell (eq. 5), or over the cells of a spot.",
        choices=("spots", "cells"),
        advanced=True,
    )
    steps: int = option(
        5,
        "Steps in which the mapping is learned; 0: 70, 200 or 1000 as the number of genes asks.",
        low=0,
    )
    rate: float = option(0.05, "Size of a step of the mapping's logits.", low=0.0)
    dense_limit: int = option(
        20,
        "Largest matrix of cells and spots that is kept whole; beyond, the likeliest entries.",
        unit="million entries",
        low=0,
    )
    kept: int = option(
        256, "Entries kept of each row of a matrix beyond that limit.", low=2, advanced=True
    )
    weights: WeightsConfig = section(WeightsConfig, "Weights of the objective (eq. 11)")
    network: NetworkConfig = section(NetworkConfig, "Shared autoencoder", advanced=True)
    pretraining: LoopConfig = section(
        LoopConfig,
        "Training of the autoencoder alone",
        advanced=True,
        values={"steps": 100, "patience": 10, "gradient_clip": 0.0},
    )

    def joint_steps(self, n_genes: int) -> int:
        """Return how many steps the mapping is learned for on a panel of that many genes."""
        return self.steps or (70 if n_genes <= 400 else 200 if n_genes <= 1000 else 1000)


@dataclass(frozen=True)
class ComePlaceConfig(ComeConfig):
    """Cells are placed by their rows of the mapping."""

    PRESETS: ClassVar = {
        "quick": {},
        "standard": {"pretraining.steps": 600, "network.size": "panel"},
        "paper": {**PUBLISHED, "balance": 0.0, "readout": "argmax"},
    }

    readout: str = option(
        "expected",
        "Place a cell at the mean of its likeliest spots, on the likeliest, or on one drawn.",
        choices=("expected", "argmax", "sampled"),
    )
    balance: float = option(
        0.25,
        "How far spots that attract too many cells are held back; 1: all attract alike. Assumes "
        "that the cells cover the slides.",
        low=0.0,
        high=1.0,
    )
    cell_counts: str = option(
        "",
        "Column of the slides' tables with the cells in each spot (COME+): spots are balanced "
        "towards these; empty: towards attracting alike.",
        advanced=True,
    )
    labels: str = option(
        "", "Column of the cells' table with their types, for eq. 8; empty: none.", advanced=True
    )
    baseline: KnnConfig = section(KnnConfig, "Features in which cells and spots are compared")


@dataclass(frozen=True)
class ComeMappingConfig(ComeConfig):
    """What genes and mixtures share: rows are spots, and patterns of genes are fitted directly."""

    over: str = option(
        "cells",
        "Probabilities sum to 1 over the spots of a cell (eq. 5), or over the cells of a spot.",
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
    """Genes are means over the cells of a spot."""

    PRESETS: ClassVar = {
        "quick": {},
        "standard": {"folds": 5},
        "paper": {**PUBLISHED, "choose": False, "mappings": 1},
    }

    temperature: float = option(
        0.1, "Logits start as cosine similarity over this.", low=1e-3, high=10.0
    )
    steps: int = option(
        80,
        "Most steps in which the mapping is learned; 0: 70, 200 or 1000 by the number of genes.",
        low=0,
    )
    choose: bool = option(
        True, "Choose objective and number of steps on shared genes that are hidden for it."
    )
    inner_share: float = option(
        0.2, "Share of the shared genes hidden to choose by.", low=0.05, high=0.5, advanced=True
    )
    folds: int = option(1, "Times that genes are hidden anew.", low=1, high=20, advanced=True)
    mappings: int = option(
        5,
        "Mappings whose mean is taken, each learned without another part of the genes, where "
        "hidden genes say that it is better than one; 1: always one.",
        low=1,
        high=20,
        advanced=True,
    )


@dataclass(frozen=True)
class ComeMixturesConfig(ComeMappingConfig):
    """Mixtures are the shares of cell types in a spot's row of the mapping."""

    PRESETS: ClassVar = {
        "quick": {},
        "standard": {"steps": 300},
        "paper": {**PUBLISHED, "prior": "none", "sizes": False, "top_share": 0.1},
    }

    temperature: float = option(
        0.1, "Logits start as cosine similarity over this.", low=1e-3, high=10.0
    )
    steps: int = option(
        100,
        "Steps in which the mapping is learned; 0: 70, 200 or 1000 by the number of genes.",
        low=0,
    )
    rate: float = option(0.1, "Size of a step of the mapping's logits.", low=0.0)
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
        2000, "Most variable genes kept when there are more.", unit="genes", low=10
    )
    prior: str = option(
        "counts",
        "COME+: start nearer to the shares that fit the types' mean profiles to the counts (by "
        "likelihood, or by least squares), or not.",
        choices=("counts", "squares", "none"),
    )
    sizes: bool = option(
        True, "Give shares of cells: a type whose cells hold twice the RNA counts half."
    )
    top_share: float = option(
        1.0,
        "Share of a spot's likeliest cells that its mixture is counted from (the paper: 0.1).",
        low=0.001,
        high=1.0,
        advanced=True,
    )
