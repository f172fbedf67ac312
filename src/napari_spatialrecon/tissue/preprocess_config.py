"""Hyper-parameters of preprocessing; importing this module imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from napari_spatialrecon.hyperparameters import Config, option

LEAST_COUNTS = 20
"""Spots with fewer counts carry too little information to be learned from, where none is set."""


@dataclass(frozen=True)
class PreprocessConfig(Config):
    """Preprocessing of counts to features."""

    min_counts: int = option(
        LEAST_COUNTS,
        "Counts that a spot of a slide needs to be learned from.",
        unit="counts",
        low=1,
    )
    depth: str = option(
        "query",
        "Total to which spot and cell counts are scaled: the query's median or a fixed one.",
        choices=("query", "fixed"),
    )
    fixed_depth: float = option(
        1e4, "Fixed total, used if depth is 'fixed'.", unit="counts", low=1.0, advanced=True
    )
    zscore: str = option(
        "matched",
        "Standardize genes within each slide and the query; the same, but if the query lacks "
        "part of the tissue, each slide by the spots that resemble it; all by the slides; or not.",
        choices=("separate", "matched", "reference", "none"),
    )
    scaling: str = option(
        "spread",
        "Divide genes by their standard deviation, or by its root to favor variable genes.",
        choices=("spread", "root"),
    )
    gene_weights: str = option(
        "moran",
        "Weight genes by their spatial variation (root of Moran's I), or equally.",
        choices=("moran", "none"),
    )
    top_genes: int = option(
        2000, "Number of most variable genes kept if the panel is larger.", unit="genes", low=10
    )
    components: int = option(
        60, "Joint principal components of spots and cells; 0 keeps the genes.", low=0, high=500
    )
