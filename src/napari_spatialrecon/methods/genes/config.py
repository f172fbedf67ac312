"""Hyper-parameters of the baselines of gene imputation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from napari_spatialrecon.hyperparameters import Config, option


@dataclass(frozen=True)
class GeneKnnConfig(Config):
    """Imputation from the most similar cells of a spot."""

    PRESETS: ClassVar = {"quick": {}, "standard": {}}

    neighbours: int = option(50, "Number of most similar cells per spot.", unit="cells", low=1)
    components: int = option(
        0, "Principal components used for similarity; 0 for all shared genes.", low=0
    )


@dataclass(frozen=True)
class MappingConfig(Config):
    """A mapping of cells to spots that reproduces the slide's genes."""

    PRESETS: ClassVar = {"quick": {}, "standard": {}}

    steps: int = option(20, "Training steps of the mapping.", low=0)
    learning_rate: float = option(0.1, "Learning rate of the logits.", low=0.0)
    spot_weight: float = option(
        0.3, "Weight of the cosine of spots relative to that of genes.", low=0.0
    )
    temperature: float = option(
        0.1, "Temperature of the similarities from which the mapping starts.", low=1e-3, high=10.0
    )
    most_cells: int = option(
        4000, "Maximum number of mapped reference cells, drawn at random if there are more.", low=50
    )
    spots_at_once: int = option(
        4000, "Spots mapped together; larger slides are mapped in parts.", low=50, advanced=True
    )
