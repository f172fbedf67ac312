from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from napari.components import ViewerModel

from napari_spatialrecon.errors import SpatialReconError, Stopped
from napari_spatialrecon.methods.gears.config import GearsConfig
from napari_spatialrecon.tasks.communities import mark_communities
from napari_spatialrecon.tissue.slots import COMMUNITY, UNCERTAINTY
from napari_spatialrecon.viewer.canvas.point_values import names, values
from napari_spatialrecon.viewer.place import diagnostics
from napari_spatialrecon.viewer.place.diagnostics import spatial_communities, with_communities
from napari_spatialrecon.viewer.place.model import PlaceModel
from napari_spatialrecon.viewer.task.script import as_command, as_python
from napari_spatialrecon.viewer.train_encoder.model import EncoderModel

TINY = {
    "batch": 32,
    "network.first": 24,
    "network.second": 16,
    "network.embedding": 8,
    "training.steps": 8,
    "training.validate_every": 8,
}
FAST = {"training.steps": 8, "patches.one_shot": 0, "patches.size": 96, "members": 1}


def placed(**columns: Any) -> AnnData:
    """200 cells in two clumps."""
    rng = np.random.default_rng(0)
    adata = AnnData(
        np.ones((200, 3), np.float32), obs=pd.DataFrame(columns, index=map(str, range(200)))
    )
    adata.obsm["spatial"] = rng.normal(size=(200, 2)) + 40 * (np.arange(200) % 2)[:, None]
    return adata


def test_communities_are_what_lies_together() -> None:
    adata = with_communities(placed())
    table = pd.crosstab(adata.obs[COMMUNITY], np.arange(200) % 2)
    assert (table.to_numpy() == 0).any(axis=1).all()
    assert COMMUNITY not in with_communities(placed()[:20].copy()).obs


def test_of_very_many_cells_communities_are_not_searched_unasked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(diagnostics, "_MOST", 199)
    assert COMMUNITY not in with_communities(placed()).obs


def test_a_result_that_is_opened_again_needs_no_torch() -> None:
    code = (
        "import sys; from napari_spatialrecon.viewer.place.job import Placed;"
        "Placed(None, {'metrics': {'held_out_error': 0.2, 'expected_error_um': 90.0}}).verdict;"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_communities_of_many_cells_are_found_in_another_process_and_are_the_same() -> None:
    places = np.random.default_rng(0).normal(size=(1_200, 2))
    adata = AnnData(np.zeros((1_200, 1), np.float32), obsm={"spatial": places})
    assert with_communities(adata).obs[COMMUNITY].equals(mark_communities(adata).obs[COMMUNITY])
    with pytest.raises(Stopped):
        spatial_communities(places, lambda: True)
    with pytest.raises(SpatialReconError, match=r"found exit code 1 .*Expected positions of"):
        spatial_communities(np.zeros(1_200), lambda: False)


def test_flags_are_colored_in_words_and_stand_first() -> None:
    adata = placed(kind=["a", "b"] * 100, little_support=np.arange(200) < 9)
    adata.obs[UNCERTAINTY] = 1.0
    assert names(adata)[0] == [UNCERTAINTY, "little_support", "kind", "total counts"]
    found, kind, title = values(adata, "little_support")
    assert kind == "category" and title == "little support"
    assert list(found[:9].unique()) == ["little support"] and found[9] == "well supported"
    adata.obs["out_of_domain"] = np.arange(200) < 9
    found, _, title = values(adata, "out_of_domain")
    assert title == "likeness to the reference" and found[0] == "unlike the reference"


def test_gears_says_how_its_patches_agree_and_takes_an_encoder(
    viewer: ViewerModel, open_tissue: Any, tmp_path: Any
) -> None:
    space = open_tissue(viewer)
    stage_a = EncoderModel(space)
    stage_a.set_config(stage_a.method.config()().with_values(TINY), "quick")
    stage_a.begin()
    stage_a.finish(stage_a.last(lambda _: None, lambda: False))
    entry = stage_a.keep()
    model = PlaceModel(space)
    assert model.encoders == []
    model.method = "gears"
    model.set_config(GearsConfig().with_values(FAST), "quick")
    assert model.encoders == [entry] and model.encoder is None
    model.encoder = entry
    job = model.job()
    assert "--encoder 'encoder of cortex 1, cortex 2, cortex cells'" in as_command(job)
    assert "encoder='encoder of" in as_python(job)
    outcome = job(lambda _: None, lambda: False)
    assert outcome.method.input == "encoder" and COMMUNITY in outcome.adata.obs
    told = " ".join(text for _, text in outcome.facts())
    assert (
        "Overlapping patches" in told and "Joining patches" in told and "agreeing patches" in told
    )
    model.method = "knn"
    assert model.encoder is None and model.job().encoder is None
