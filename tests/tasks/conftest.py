"""What the tasks are run on."""

from __future__ import annotations

import pytest

from napari_spatialrecon.methods.dpvae.config import DPVAEConfig


@pytest.fixture(scope="session")
def references(tiny):
    return {"one": tiny.slides[0], "two": tiny.slides[1]}


@pytest.fixture(scope="session")
def quick():
    """A dp-VAE that trains in a second."""
    return DPVAEConfig().with_values(
        {"members": 2, "network.width": 48, "network.layers": 2, "training.steps": 40}
    )
