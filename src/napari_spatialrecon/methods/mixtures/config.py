"""Hyper-parameters of the baselines of deconvolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from napari_spatialrecon.hyperparameters import Config, option

#: Share of true shares that are to lie within their intervals.
LEVEL = 0.9
#: Share from which on a spot counts as one that got a type.
GOT = 0.05


@dataclass(frozen=True)
class MixtureKnnConfig(Config):
    """Types of the most similar cells of a spot."""

    PRESETS: ClassVar = {"quick": {}, "standard": {}}

    neighbours: int = option(50, "Number of most similar cells per spot.", unit="cells", low=1)
    top_genes: int = option(
        2000, "Number of most variable genes kept if there are more.", unit="genes", low=10
    )


@dataclass(frozen=True)
class RegressionConfig(Config):
    """A spot is a sum of the types' mean profiles."""

    PRESETS: ClassVar = {"quick": {}, "standard": {}}

    top_genes: int = option(
        2000, "Number of most variable genes kept if there are more.", unit="genes", low=10
    )
    sizes: bool = option(
        True, "Report shares of cells, not RNA: a type with twice the RNA per cell counts half."
    )
    loss: str = option(
        "squares",
        "Objective: weighted least squares, or Poisson likelihood of the counts.",
        choices=("squares", "counts"),
    )
