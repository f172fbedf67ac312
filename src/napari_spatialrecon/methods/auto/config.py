"""Hyper-parameters of the choice of a method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from napari_spatialrecon.hyperparameters import Config, option


@dataclass(frozen=True)
class AutoConfig(Config):
    """Which methods are tried before the best of them is kept."""

    PRESETS: ClassVar = {"quick": {}, "standard": {"tried_preset": "standard", "minutes": 20.0}}

    minutes: float = option(
        3.0,
        "Time that all methods together may take, by their estimates for one core; the baseline "
        "is always tried.",
        unit="min",
        low=0.0,
    )
    tried_preset: str = option(
        "quick", "Preset with which each method is tried.", choices=("quick", "standard")
    )
