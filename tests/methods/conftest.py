"""Small slides, cells and fitted methods, shared by the tests of the methods."""

from __future__ import annotations

import pytest

from napari_spatialrecon.methods.dpvae.config import DPVAEConfig
from napari_spatialrecon.methods.dpvae.model import DPVAE
from napari_spatialrecon.methods.gears.config import GearsConfig
from napari_spatialrecon.methods.gears.model import Gears
from napari_spatialrecon.methods.placement.knn import Knn
from napari_spatialrecon.methods.placement.ridge import Ridge
from napari_spatialrecon.tissue.contract import prepare_query, prepare_slide

SMALL = {
    "members": 2,
    "network.width": 64,
    "network.layers": 2,
    "training.steps": 150,
    "training.validate_every": 25,
}

#: GEARS trained in a second or two.
SMALL_GEARS = {
    "generator.width": 32,
    "minisets.smallest": 32,
    "minisets.largest": 48,
    "minisets.per_step": 4,
    "training.steps": 120,
}


@pytest.fixture(scope="session")
def small_gears():
    """Make the config of a GEARS that trains in a second or two."""

    def make(**values):
        dotted = {name.replace("__", "."): value for name, value in values.items()}
        return GearsConfig().with_values({**SMALL_GEARS, **dotted})

    return make


@pytest.fixture(scope="session")
def slides(tiny):
    """Two sections in different poses."""
    return [prepare_slide(s, name) for s, name in zip(tiny.slides, ("one", "two"), strict=True)]


@pytest.fixture(scope="session")
def cells(tiny):
    return prepare_query(tiny.cells, "cells")


@pytest.fixture(scope="session")
def truth(tiny):
    """(n_cells, 2), in the frame of the first slide."""
    return tiny.truth[["x", "y"]].to_numpy()


@pytest.fixture(scope="session")
def small():
    """Make the config of a dp-VAE that trains in a second."""

    def make(preset="quick", **values):
        dotted = {name.replace("__", "."): value for name, value in values.items()}
        return DPVAEConfig.preset(preset).with_values({**SMALL, **dotted})

    return make


@pytest.fixture(scope="session")
def methods(slides, cells, small, small_gears):
    """Every method, fitted to the two slides."""
    return {
        "knn": Knn().fit(slides, cells),
        "ridge": Ridge().fit(slides, cells),
        "dpvae": DPVAE(small()).fit(slides, cells),
        "gears": Gears(small_gears()).fit(slides, cells),
    }
