"""A small encoder on the simulated slides."""

from __future__ import annotations

import pytest

from napari_spatialrecon.methods.gears.encoder.config import EncoderConfig
from napari_spatialrecon.methods.gears.encoder.model import Encoder

SMALL = {
    "batch": 96,
    "network.first": 48,
    "network.second": 32,
    "network.embedding": 16,
    "adversary.width": 24,
    "adversary.warmup": 4,
    "adversary.ramp": 10,
    "alignment.local_from": 6,
    "training.steps": 60,
    "training.validate_every": 10,
    "training.checkpoint_every": 7,
}


@pytest.fixture(scope="session")
def small_config():
    """Make the config of an encoder that trains in a second."""

    def make(preset="quick", **values):
        dotted = {name.replace("__", "."): value for name, value in values.items()}
        return EncoderConfig.preset(preset).with_values({**SMALL, **dotted})

    return make


@pytest.fixture(scope="session")
def encoder(slides, cells, small_config):
    """An encoder of two slides and a query."""
    return Encoder(small_config()).fit(slides, cells)
