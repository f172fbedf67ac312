"""Settings of the tissue simulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from napari_spatialrecon.hyperparameters import Config, option


@dataclass(frozen=True)
class SimulatorConfig(Config):
    """Size, counts, noise and image of a simulated tissue.

    Examples
    --------
    >>> SimulatorConfig.preset("standard").n_sections
    4
    """

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {},
        "standard": {
            "n_cells": 8000,
            "n_genes": 1000,
            "n_sections": 4,
            "size": 4000.0,
            "um_per_image_px": 2.0,
        },
        "tiny": {
            "n_cells": 400,
            "n_genes": 120,
            "n_sections": 2,
            "size": 900.0,
            "um_per_image_px": 2.0,
        },
    }

    n_cells: int = option(3000, "Number of dissociated cells to place.", low=1, high=1_000_000)
    n_genes: int = option(400, "Number of genes, shared by all measurements.", low=30, high=20_000)
    n_sections: int = option(3, "Number of sections, each on its own slide.", low=1, high=50)
    size: float = option(
        2600.0, "Width of the tissue; layers and nests scale with it.", unit="µm",
        low=400.0, high=20_000.0,
    )  # fmt: skip
    section_spacing: float = option(
        60.0, "Distance in depth between neighboring sections.", unit="µm", low=0.0, high=1000.0
    )
    cell_density: float = option(
        2600.0, "Average number of cells per square millimeter of a section.",
        low=100.0, high=10_000.0,
    )  # fmt: skip
    depth: float = option(
        260.0, "Median counts of a cell on a slide; a spot is the sum of its cells.",
        low=5.0, high=100_000.0,
    )  # fmt: skip
    query_depth: float = option(
        180.0, "Median counts of a dissociated cell.", low=5.0, high=100_000.0
    )
    depth_spread: float = option(
        0.45, "Variation of depth between cells of a type (standard deviation of its log).",
        low=0.0, high=2.0,
    )  # fmt: skip
    dispersion: float = option(
        0.6, "Overdispersion of the counts: φ in the variance mean + φ·mean² (median over genes).",
        low=0.0, high=10.0,
    )  # fmt: skip
    dropout: float = option(
        0.15, "Probability that a weakly expressed gene is missed in a cell.", low=0.0, high=0.95
    )
    spatial_strength: float = option(
        1.0, "Strength of the effect of position on expression; with 0, only cell types differ.",
        low=0.0, high=5.0,
    )  # fmt: skip
    batch_effect: float = option(
        0.35, "Difference of a gene between dissociated cells and slides (standard deviation "
        "of its log).", low=0.0, high=3.0,
    )  # fmt: skip
    composition_shift: float = option(
        0.5, "Difference in the share of each cell type between dissociated cells and slides "
        "(standard deviation of its log).", low=0.0, high=3.0,
    )  # fmt: skip
    noise: bool = option(
        True, "If off: no counting noise, batch effect or cell types in the expression, which then "
        "determines the position exactly.",
    )  # fmt: skip
    um_per_px: float = option(
        0.5, "Pixel size of the full-resolution scan, the unit of the spots' coordinates.",
        unit="µm", low=0.05, high=50.0, advanced=True,
    )  # fmt: skip
    um_per_image_px: float = option(
        1.6, "Pixel size of the H&E image.", unit="µm", low=0.2, high=50.0
    )
