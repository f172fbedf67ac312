"""What can be asked of the tissue simulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from napari_spatialrecon.hyperparameters import Config, option


@dataclass(frozen=True)
class SimulatorConfig(Config):
    """Size, counts, noise and picture of a simulated tissue.

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

    n_cells: int = option(3000, "Dissociated cells to place.", low=1, high=1_000_000)
    n_genes: int = option(400, "Genes that every measurement shares.", low=30, high=20_000)
    n_sections: int = option(3, "Sections of the tissue, each on its own slide.", low=1, high=50)
    size: float = option(
        2600.0, "Width of the tissue; layers and nests keep their place in it.", unit="µm",
        low=400.0, high=20_000.0,
    )  # fmt: skip
    section_spacing: float = option(
        60.0, "Distance in depth between neighbouring sections.", unit="µm", low=0.0, high=1000.0
    )
    cell_density: float = option(
        2600.0, "Cells in a square millimetre of a section, on average over the tissue.",
        low=100.0, high=10_000.0,
    )  # fmt: skip
    depth: float = option(
        260.0, "Median counts of a cell on a slide; a spot sums the cells inside.",
        low=5.0, high=100_000.0,
    )  # fmt: skip
    query_depth: float = option(
        180.0, "Median counts of a dissociated cell.", low=5.0, high=100_000.0
    )
    depth_spread: float = option(
        0.45, "How much the depth varies between cells of a type (standard deviation of its log).",
        low=0.0, high=2.0,
    )  # fmt: skip
    dispersion: float = option(
        0.6, "Extra variance of the counts, the φ of mean + φ·mean² (median over genes).",
        low=0.0, high=10.0,
    )  # fmt: skip
    dropout: float = option(
        0.15, "Chance that a weakly expressed gene is missed in a cell.", low=0.0, high=0.95
    )
    spatial_strength: float = option(
        1.0, "How strongly place tells in the expression; 0 leaves only the cell types.",
        low=0.0, high=5.0,
    )  # fmt: skip
    batch_effect: float = option(
        0.35, "Difference of a gene between dissociated cells and slides (standard deviation "
        "of its log).", low=0.0, high=3.0,
    )  # fmt: skip
    composition_shift: float = option(
        0.5, "How far the share of each cell type differs between dissociated cells and slides "
        "(standard deviation of its log).", low=0.0, high=3.0,
    )  # fmt: skip
    noise: bool = option(
        True, "Off: no counting noise, no batch and no cell types in the expression, which then "
        "determines the place exactly.",
    )  # fmt: skip
    um_per_px: float = option(
        0.5, "Size of a pixel of the full-resolution scan, the unit of the spots' coordinates.",
        unit="µm", low=0.05, high=50.0, advanced=True,
    )  # fmt: skip
    um_per_image_px: float = option(
        1.6, "Size of a pixel of the H&E image.", unit="µm", low=0.2, high=50.0
    )
