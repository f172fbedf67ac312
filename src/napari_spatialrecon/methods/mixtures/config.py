"""Hyper-parameters of the baselines of deconvolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from napari_spatialrecon.hyperparameters import Config, option


@dataclass(frozen=True)
class MixtureKnnConfig(Config):
    """A spot has the types of the cells most like it."""

    PRESETS: ClassVar = {"quick": {}, "standard": {}}

    neighbours: int = option(50, "Most similar cells of a spot.", unit="cells", low=1)
    top_genes: int = option(
        2000, "Most variable genes kept when there are more.", unit="genes", low=10
    )


@dataclass(frozen=True)
class RegressionConfig(Config):
    """A spot is a sum of the types' mean profiles."""

    PRESETS: ClassVar = {"quick": {}, "standard": {}}

    top_genes: int = option(
        2000, "Most variable genes kept when there are more.", unit="genes", low=10
    )
    sizes: bool = option(
        True, "Give shares of cells: a type whose cells hold twice the RNA counts half."
    )
    loss: str = option(
        "squares",
        "What is least: weighted squares of what is left, or the surprise of the counts (Poisson).",
        choices=("squares", "counts"),
    )
