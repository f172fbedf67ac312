"""Hyper-parameters of the choice of a method."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from napari_spatialrecon.hyperparameters import Config, option


@dataclass(frozen=True)
class AutoConfig(Config):
    """Which methods are tried before the best of them is kept."""

    PRESETS: ClassVar = {"quick": {}, "standard": {"tried_preset": "standard", "minutes": 20.0}}

    minutes: float = option(
        3.0,
        "Time that the run may take: a method that would take longer is not tried, and one that "
        "does is stopped; the baseline is always tried. 0 for no limit, and the same choice on "
        "every machine.",
        unit="min",
        low=0.0,
    )
    tried_preset: str = option(
        "quick", "Preset with which each method is tried.", choices=("quick", "standard")
    )

    @property
    def seconds(self) -> float:
        """The limit in seconds; infinite without one."""
        return 60 * self.minutes or math.inf
