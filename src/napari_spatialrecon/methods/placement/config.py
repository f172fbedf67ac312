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
        20, "Most similar spots a cell is placed between.", unit="spots", low=1
    )
    temperature: float = option(
        0.05, "Smaller: the most similar spot decides alone.", low=1e-3, high=10.0
    )
    directions: int = option(
        30, "Directions of expression that vary in space; 0 uses all components alike.", low=0
    )
    near: int = option(6, "Neighbours of a spot, near scale.", unit="spots", low=1, advanced=True)
    far: int = option(30, "Neighbours of a spot, far scale.", unit="spots", low=1, advanced=True)
    preprocess: PreprocessConfig = section(PreprocessConfig, "From counts to features")


@dataclass(frozen=True)
class RidgeConfig(Config):
    """Linear regression of places on features."""

    PRESETS: ClassVar = {"quick": {}, "standard": {}}

    unit_length: bool = option(True, "Give every spot and cell features of the same length.")
    preprocess: PreprocessConfig = section(PreprocessConfig, "From counts to features")
