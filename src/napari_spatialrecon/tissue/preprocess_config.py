"""Hyper-parameters of preprocessing; importing them imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from napari_spatialrecon.hyperparameters import Config, option


@dataclass(frozen=True)
class PreprocessConfig(Config):
    """How counts become features."""

    depth: str = option(
        "query",
        "Counts every spot and cell is scaled to: the median of the query's cells, or a fixed one.",
        choices=("query", "fixed"),
    )
    fixed_depth: float = option(
        1e4, "The fixed depth, used when depth is 'fixed'.", unit="counts", low=1.0, advanced=True
    )
    zscore: str = option(
        "matched",
        "Standardise genes within each slide and the query; likewise, but where the query lacks "
        "part of the tissue each slide by the spots it resembles; or all by the slides' figures.",
        choices=("separate", "matched", "reference"),
    )
    scaling: str = option(
        "spread",
        "Divide genes by their standard deviation, or by its root: genes that vary more vote more.",
        choices=("spread", "root"),
    )
    gene_weights: str = option(
        "moran",
        "Weight genes by how much they vary in space (root of Moran's I), or all alike.",
        choices=("moran", "none"),
    )
    top_genes: int = option(
        2000, "Most variable genes kept when the panel is larger.", unit="genes", low=10
    )
    components: int = option(
        60, "Joint principal components of spots and cells; 0 keeps the genes.", low=0, high=500
    )
