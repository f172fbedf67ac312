"""Placing cells by the method that wins on held-out spots."""

from __future__ import annotations

import json

import pytest

import napari_spatialrecon as sr
from napari_spatialrecon.methods.auto import candidates
from napari_spatialrecon.methods.registry import default_for, find_method, methods_for
from napari_spatialrecon.tasks.placing import place
from napari_spatialrecon.tasks.preflight import preflight
from napari_spatialrecon.tasks.training import train


@pytest.fixture(autouse=True)
def only_quick_methods(monkeypatch):
    quick = [find_method(name, "place") for name in ("knn", "ridge")]
    monkeypatch.setattr(candidates, "methods_for", lambda task: quick)


def test_it_is_the_default_and_offered_first():
    assert default_for("place") == methods_for("place")[0].name == "auto"


def test_the_record_is_that_of_the_method_kept_and_tells_the_trials(references, tiny, tmp_path):
    result = place(references, tiny.cells)
    record = result.record.to_dict()
    assert record["method"] == result.method.name == record["settings"]["auto"]["kept"]
    assert record["config"] == result.method.config.to_dict()
    assert set(record["settings"]["auto"]["tried"]) == {"knn", "ridge"}
    assert record["metrics"]["auto_seconds_ridge"] > 0
    assert any(note.startswith("Median error on held-out spots: kNN") for note in result.notes)
    by_name = place(references, tiny.cells, method=record["method"])
    assert by_name.adata.obsm["spatial"].tobytes() == result.adata.obsm["spatial"].tobytes()
    provenance = json.loads(result.adata.uns["spatialrecon"]["provenance"])
    again = json.loads(place(references, tiny.cells).adata.uns["spatialrecon"]["provenance"])
    assert provenance == again and provenance["method"] == record["method"]


def test_the_truth_of_the_cells_never_reaches_the_choice(references, tiny):
    told = tiny.cells.copy()
    told.obsm["spatial"] = tiny.truth[["x", "y"]].to_numpy()
    blind, seeing = (place(references, query) for query in (tiny.cells, told))
    assert blind.record.settings["auto"] == seeing.record.settings["auto"]
    assert blind.adata.obsm["spatial"].tobytes() == seeing.adata.obsm["spatial"].tobytes()


def test_a_model_or_a_config_decides_instead(references, tiny, tmp_path):
    model = train({"one": references["one"]})
    folder = model.save(tmp_path / "model")
    for given in (folder, model, model.method):
        assert place({}, tiny.cells, model=given).record.method == model.name
    assert model.record["settings"]["auto"]["kept"] == model.name
    config = sr.config("ridge")
    assert place(references, tiny.cells, config=config).record.method == "ridge"
    assert preflight(references, tiny.cells, config=config).seconds < 10


def test_its_time_is_an_option(references, tiny):
    result = place(references, tiny.cells, settings={"minutes": 0.001})
    assert list(result.record.settings["auto"]["tried"]) == ["knn"]
    assert "Tries kNN, Ridge regression." in preflight(references, tiny.cells).plan
