"""Hyper-parameters shared by all methods that join several networks."""

from __future__ import annotations

from dataclasses import dataclass

from napari_spatialrecon.hyperparameters import Config, option, section
from napari_spatialrecon.methods.ensemble.sight import Sight, sight_of
from napari_spatialrecon.tissue.preprocess_config import PreprocessConfig
from napari_spatialrecon.training.config import LoopConfig


@dataclass(frozen=True)
class EnsembleConfig(Config):
    """Several networks, their inputs, and how they are combined."""

    members: int = option(
        4,
        "Number of networks trained with different seeds; their spread gives the uncertainty.",
        low=1,
    )
    inputs: str = option(
        "mixed",
        "Input of the networks: all components, spatially varying directions, or both in turn.",
        choices=("mixed", "components", "directions"),
    )
    scalings: str = option(
        "one",
        "Scaling of genes in the input: that of the preprocessing, or with two networks in turn "
        "dividing by the root of the standard deviation, which favors variable genes.",
        choices=("one", "mixed"),
    )
    noise: float = option(
        1.0,
        "Noise added to features in training, in standard deviations of the query's features.",
        low=0.0,
        high=10.0,
    )
    unit_length: bool = option(
        True, "Normalize the features of every spot and cell to the same length."
    )
    baseline_share: float = option(
        0.0, "Weight of the kNN baseline's distances in the mean distances.", low=0.0, high=0.9
    )
    spread_share: float = option(
        0.0,
        "Correction of mean distances, which vary less than true distances, towards the "
        "distribution of distances between likely spots.",
        low=0.0,
        high=1.0,
        advanced=True,
    )
    validate: bool = option(
        True,
        "First train on three quarters of the spots to measure the error on the others.",
    )
    training: LoopConfig = section(LoopConfig, "Training")
    preprocess: PreprocessConfig = section(PreprocessConfig, "Preprocessing")

    def sight(self, number: int, views: int) -> Sight:
        """Return the inputs of network `number`, given the number of views."""
        return sight_of(number, views=views, inputs=self.inputs)
