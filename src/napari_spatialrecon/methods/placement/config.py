"""Hyper-parameters of the baselines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from napari_spatialrecon.hyperparameters import Config, option, section
from napari_spatialrecon.tissue.preprocess_config import PreprocessConfig


@dataclass(frozen=True)
class KnnConfig(Config):
    """Spatial discriminant directions, then the most similar spots."""

    PRESETS: ClassVar = {"quick": {}, "standard": {}, "plain": {"directions": 0}}

    neighbours: int = option(
        20, "Number of most similar spots between which a cell is placed.", unit="spots", low=1
    )
    temperature: float = option(
        0.05,
        "Temperature of the weights; if small, only the most similar spot counts.",
        low=1e-3,
        high=10.0,
    )
    directions: int = option(
        30,
        "Number of spatially varying directions of expression; 0 uses all components equally.",
        low=0,
    )
    near: int = option(6, "Neighbors of a spot, near scale.", unit="spots", low=1, advanced=True)
    far: int = option(30, "Neighbors of a spot, far scale.", unit="spots", low=1, advanced=True)
    preprocess: PreprocessConfig = section(PreprocessConfig, "Preprocessing")


@dataclass(frozen=True)
class RidgeConfig(Config):
    """Linear regression of positions on features."""

    PRESETS: ClassVar = {"quick": {}, "standard": {}}

    unit_length: bool = option(
        True, "Normalize the features of every spot and cell to the same length."
    )
    preprocess: PreprocessConfig = section(PreprocessConfig, "Preprocessing")
