"""Hyper-parameters that all methods share which join several networks."""

from __future__ import annotations

from dataclasses import dataclass

from napari_spatialrecon.hyperparameters import Config, option, section
from napari_spatialrecon.tissue.preprocess_config import PreprocessConfig
from napari_spatialrecon.training.config import LoopConfig


@dataclass(frozen=True)
class EnsembleConfig(Config):
    """Several networks, their inputs, and how they are joined."""

    members: int = option(
        4, "Networks trained with different seeds; their spread tells the uncertainty.", low=1
    )
    inputs: str = option(
        "mixed",
        "What networks see: all components, the directions that vary in space, or both in turn.",
        choices=("mixed", "components", "directions"),
    )
    scalings: str = option(
        "one",
        "Scaling of genes in what networks see: that of the preprocessing, or two networks in turn "
        "see genes over the root of their spread, where genes that vary more vote more.",
        choices=("one", "mixed"),
    )
    noise: float = option(
        1.0,
        "Noise added to features in training, in standard deviations of the query's features.",
        low=0.0,
        high=10.0,
    )
    unit_length: bool = option(True, "Give every spot and cell features of the same length.")
    baseline_share: float = option(
        0.0, "Weight of kNN's distances in the mean that is laid out.", low=0.0, high=0.9
    )
    spread_share: float = option(
        0.0,
        "How far mean distances, which lie closer together than distances do, are moved to be "
        "distributed as those between likely spots.",
        low=0.0,
        high=1.0,
        advanced=True,
    )
    validate: bool = option(
        True,
        "First train on three quarters of the spots, to tell the error on the others.",
    )
    training: LoopConfig = section(LoopConfig, "How long and how fast")
    preprocess: PreprocessConfig = section(PreprocessConfig, "From counts to features")
