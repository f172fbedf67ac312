from __future__ import annotations

import json

import numpy as np
import pytest

from napari_spatialrecon import cli
from napari_spatialrecon.errors import CheckpointError, Stopped
from napari_spatialrecon.methods.gears.encoder.config import EncoderConfig
from napari_spatialrecon.methods.gears.encoder.model import Encoder
from napari_spatialrecon.tasks.encoding import EMBEDDING, INPUT, SOURCE, flattened, train_encoder

TINY = {
    "batch": 32,
    "network.first": 24,
    "network.second": 16,
    "network.embedding": 8,
    "adversary.width": 16,
    "adversary.warmup": 2,
    "adversary.ramp": 4,
    "training.steps": 20,
    "training.validate_every": 5,
}
CONFIG = EncoderConfig().with_values(TINY)


@pytest.fixture(scope="module")
def slides(tiny):
    return {f"cortex {i}": slide for i, slide in enumerate(tiny.slides, 1)}


@pytest.fixture(scope="module")
def result(slides, tiny):
    return train_encoder(slides, tiny.cells, config=CONFIG, query_name="cells", device="cpu")


def test_the_table_holds_all_profiles_before_and_after(result, slides, tiny):
    adata = result.adata
    n = sum(slide.n_obs for slide in slides.values()) + tiny.cells.n_obs
    assert adata.n_obs == n and adata.obs_names.is_unique
    assert list(adata.obs[SOURCE].cat.categories) == ["cells", *slides]
    assert adata.obsm[EMBEDDING].shape == (n, 8) and len(adata.obsm[INPUT]) == n
    assert "cell_type" in adata.obs and result.record.metrics["probe_after"] <= 1
    assert "Neighbors predict the source of" in result.verdict


def test_pictures_have_as_many_of_each_source_and_do_not_depend_on_chance(result):
    rows, before, after = flattened(result.adata)
    counts = result.adata.obs[SOURCE].iloc[rows].value_counts()
    assert counts.nunique() == 1 and before.shape == after.shape == (len(rows), 2)
    np.testing.assert_array_equal(after, flattened(result.adata)[2])
    assert np.isfinite(flattened(result.adata, way="umap")[2]).all()


def test_a_stopped_training_goes_on_to_the_same_encoder(result, slides, tiny, tmp_path):
    seen = []

    def stop() -> bool:
        return any(p.stage == "Training the encoder" and p.step > 7 for p in seen)

    asked = {"config": CONFIG, "query_name": "cells", "device": "cpu", "folder": tmp_path / "run"}
    with pytest.raises(Stopped):
        train_encoder(slides, tiny.cells, **asked, progress=seen.append, should_stop=stop)
    again = train_encoder(slides, tiny.cells, **asked, resume=True)
    np.testing.assert_array_equal(again.adata.obsm[EMBEDDING], result.adata.obsm[EMBEDDING])
    with pytest.raises(CheckpointError, match="another seed"):
        train_encoder(slides, tiny.cells, **asked, seed=1, resume=True)


def test_without_cells_slides_are_mixed_with_one_another(slides):
    one = train_encoder(dict(list(slides.items())[:1]), config=CONFIG, device="cpu")
    assert one.verdict.startswith("There is only one source")


def test_the_command_line_leaves_the_same_encoder(result, tiny_folder, tmp_path):
    out = tmp_path / "encoder"
    words = ["train-encoder", "--method", "gears-encoder", "--out", str(out), "--device", "cpu"]
    for name in ("section1", "section2"):
        words += ["--reference", str(tiny_folder / f"{name}.h5ad")]
    words += ["--query", str(tiny_folder / "cells.h5ad"), "--progress", "none"]
    for name, value in TINY.items():
        words += ["--set", f"{name}={value}"]
    assert cli.main(words) == 0
    loaded, weights = Encoder.load(out), result.encoder.network.state_dict()
    for name, value in loaded.network.state_dict().items():
        np.testing.assert_array_equal(value, weights[name])
    record = json.loads((out / "run.json").read_text())
    assert record["task"] == "train-encoder" and record["config"]["batch"] == 32
