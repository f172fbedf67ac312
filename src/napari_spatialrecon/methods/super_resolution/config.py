"""Hyper-parameters of the interpolations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from napari_spatialrecon.hyperparameters import Config, option


@dataclass(frozen=True)
class InterpolationConfig(Config):
    """Use of the interpolated values."""

    PRESETS: ClassVar = {"quick": {}, "standard": {}, "paper": {"form": "paper"}}

    form: str = option(
        "conserved",
        "Split the observed counts (conserved), or leave the interpolated values as SRast's paper "
        "compared them (paper), or those over the number of parts (divided).",
        choices=("conserved", "paper", "divided"),
    )


@dataclass(frozen=True)
class GaussianConfig(InterpolationConfig):
    """Options of the Gaussian interpolation."""

    width: float = option(
        0.5, "Standard deviation of the Gaussian, in distances between spots.", low=0.1, high=3.0
    )
