"""A model is trained once, asked often, kept and read again."""

from __future__ import annotations

import json

import numpy as np
import pytest

import napari_spatialrecon as sr
from napari_spatialrecon.errors import CheckpointError, ConfigError, InputError
from napari_spatialrecon.methods.placement.knn import Knn
from napari_spatialrecon.methods.registry import METHODS

COARSE = {"training.steps": 3, "hidden": 16, "depth": 1, "flow.starts": 1, "flow.draws": 0}


@pytest.fixture(scope="module")
def placing(references, quick):
    """A dp-VAE that was trained on two slides."""
    return sr.train(references, config=quick, seed=3, device="cpu")


@pytest.fixture(scope="module")
def landmarks(tiny):
    rows = np.array([4, 90, 200, 311])
    return sr.Landmarks(rows, tiny.truth[["x", "y"]].to_numpy()[rows])


def test_a_method_is_trained_once_for_queries_to_come(placing, references, tiny, tmp_path):
    assert placing.record["task"] == "train" and placing.record["seed"] == 3
    assert set(placing.record["inputs"]) == {"one", "two"}
    first = placing.place(tiny.cells, device="cpu")
    assert first.adata.n_obs == 400 and first.record.seed == 3
    half = placing.place(tiny.cells[:200].copy(), device="cpu")
    assert half.adata.n_obs == 200
    again = placing.place(tiny.cells, device="cpu")
    np.testing.assert_array_equal(first.adata.obsm["spatial"], again.adata.obsm["spatial"])
    placing.save(tmp_path / "model")
    tuned = sr.train(references, start_from=tmp_path / "model", device="cpu")
    assert tuned.config == placing.config
    assert sr.train(references, start_from=placing, device="cpu").config == placing.config


def test_a_model_is_read_as_it_was_kept(placing, landmarks, tiny, tmp_path):
    folder = placing.save(tmp_path / "model")
    read = sr.load(folder)
    assert (read.name, read.tasks, read.config) == (placing.name, placing.tasks, placing.config)
    assert read.record == json.loads((folder / "run.json").read_text()) and read.record["seed"] == 3
    assert read.notes == placing.notes and read.verdict == placing.verdict
    for ask in (
        lambda model: model.place(tiny.cells, device="cpu"),
        lambda model: model.impute_locations(tiny.cells, landmarks, device="cpu"),
    ):
        before, after = (ask(model).adata.obsm["spatial"] for model in (placing, read))
        np.testing.assert_array_equal(before, after)
    np.testing.assert_allclose(after[landmarks.indices], landmarks.places, atol=1e-6)


def test_a_model_that_was_kept_without_a_record_is_read_too(placing, tiny, tmp_path):
    placing.method.save(tmp_path / "model")
    read = sr.load(tmp_path / "model")
    assert read.record == {}
    assert read.place(tiny.cells, device="cpu").adata.n_obs == 400


def test_the_result_carries_the_image_of_a_slide_that_is_given_again(placing, references, tiny):
    plain = placing.place(tiny.cells, device="cpu")
    shown = placing.place(tiny.cells, references=references, display="two", device="cpu")
    assert "spatial" not in plain.adata.uns
    assert list(shown.adata.uns["spatial"]) == list(references["two"].uns["spatial"])


def test_an_encoder_is_kept_and_gives_another_method_its_input(references, tiny, tmp_path):
    settings = {"training.steps": 4}
    name = next(info.name for info in METHODS if "train-encoder" in info.tasks)
    model = sr.train(references, method=name, settings=settings, device="cpu")
    table = model.embed(references, tiny.cells)
    read = sr.load(model.save(tmp_path / "encoder"))
    np.testing.assert_array_equal(
        table.obsm["X_encoder"], read.embed(references, tiny.cells).obsm["X_encoder"]
    )
    assert read.tasks == ("train-encoder",)
    with pytest.raises(InputError, match=r"Try model\.embed"):
        read.place(tiny.cells)
    with pytest.raises(InputError, match="that uses an encoder"):
        sr.place(references, tiny.cells, method="knn", encoder=read)


def test_a_generalist_is_kept_and_splits_other_slides(tiny, tmp_path):
    slide = tiny.slides[1][:, :12].copy()
    model = sr.train(
        {"one": tiny.slides[0][:, :12].copy()}, method="srast", settings=COARSE, device="cpu"
    )
    read = sr.load(model.save(tmp_path / "generalist"))
    parts = [
        m.super_resolve(slide, settings={"coarse_pair": False}, spot_diameter=110.0, device="cpu")
        for m in (model, read)
    ]
    assert (parts[0].adata.X != parts[1].adata.X).nnz == 0
    assert parts[0].fd <= 1e-6
    with pytest.raises(InputError, match="Expected a model for impute-locations"):
        read.impute_locations(tiny.cells, None)


def test_only_networks_can_be_fine_tuned(references):
    with pytest.raises(InputError, match="can be fine-tuned, found knn"):
        sr.train(references, method="knn", start_from=Knn())


def test_what_is_never_trained_ahead_is_refused_with_what_is(references):
    with pytest.raises(InputError, match="Expected a method that is trained, found 'nnls'"):
        sr.train(references, method="nnls")


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="found none"):
        sr.load(tmp_path)
    (tmp_path / "manifest.json").write_text('{"method": "unheard"}')
    with pytest.raises(CheckpointError, match="found one of 'unheard'"):
        sr.load(tmp_path)


def test_settings_beside_a_model_are_refused_since_it_has_its_own(placing, tiny):
    with pytest.raises(InputError, match="settings or a fitted model"):
        sr.place({}, tiny.cells, model=placing, settings={"members": 1})


def test_a_model_of_another_method_is_refused(placing, tiny):
    with pytest.raises(CheckpointError, match="Expected a model of 'knn', found one of 'dpvae'"):
        sr.place({}, tiny.cells, method="knn", model=placing)


def test_a_config_of_another_method_is_refused(references, tiny):
    with pytest.raises(ConfigError, match="Expected a config of knn, found RidgeConfig"):
        sr.place(references, tiny.cells, method="knn", config=sr.config("ridge"))
