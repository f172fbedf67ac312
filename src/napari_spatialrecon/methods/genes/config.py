"""Hyper-parameters of the baselines of gene imputation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from napari_spatialrecon.hyperparameters import Config, option


@dataclass(frozen=True)
class GeneKnnConfig(Config):
    """The cells most like a spot lend it their expression."""

    PRESETS: ClassVar = {"quick": {}, "standard": {}}

    neighbours: int = option(50, "Most similar cells of a spot.", unit="cells", low=1)
    components: int = option(
        0, "Principal components that similarity is read from; 0 for all shared genes.", low=0
    )


@dataclass(frozen=True)
class MappingConfig(Config):
    """A matrix of cells and spots whose weighted cells show the slide's genes."""

    PRESETS: ClassVar = {"quick": {}, "standard": {}}

    steps: int = option(20, "Steps of the mapping's descent.", low=0)
    learning_rate: float = option(0.1, "Size of a step, in logits.", low=0.0)
    spot_weight: float = option(0.3, "Weight of the cosine of spots beside that of genes.", low=0.0)
    temperature: float = option(
        0.1, "Of the similarities that the mapping starts from.", low=1e-3, high=10.0
    )
    most_cells: int = option(
        4000, "Cells of the reference that are mapped; more are drawn at random.", low=50
    )
    spots_at_once: int = option(
        4000, "Spots mapped together; a larger slide is mapped in parts.", low=50, advanced=True
    )
