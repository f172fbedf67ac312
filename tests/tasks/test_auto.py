"""Placing cells by the method that wins on held-out spots."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

import napari_spatialrecon as sr
from napari_spatialrecon.methods.auto import candidates, ranking
from napari_spatialrecon.methods.registry import default_for, find_method, methods_for
from napari_spatialrecon.tasks.deconvolving import deconvolve
from napari_spatialrecon.tasks.imputing import impute_genes
from napari_spatialrecon.tasks.placing import place
from napari_spatialrecon.tasks.preflight import preflight
from napari_spatialrecon.tasks.super_resolving import super_resolve
from napari_spatialrecon.tasks.training import train

QUICK = {
    "place": ("auto", "knn", "ridge"),
    "deconvolve": ("auto", "knn", "nnls"),
    "impute-genes": ("auto", "mapping", "knn"),
    "super-resolve": ("auto", "uniform", "bilinear", "gaussian"),
}


QUICK_GENES = QUICK["impute-genes"][1:]


def bins(n=20, genes=5):
    """Return bins whose genes are waves."""
    rng = np.random.default_rng(0)
    y, x = (v.ravel()[:, None] for v in np.indices((n, n)))
    wave = 6 + 5 * np.sin(x / 4) * np.cos(y / (3 + np.arange(genes)))
    adata = AnnData(sparse.csr_matrix(rng.poisson(wave).astype(np.float32)))
    adata.obsm["spatial"] = np.c_[x, y] * 10.0
    return adata


@pytest.fixture(autouse=True)
def only_quick_methods(monkeypatch):
    monkeypatch.setattr(
        candidates, "methods_for", lambda task: [find_method(name, task) for name in QUICK[task]]
    )


@pytest.mark.parametrize("task", QUICK)
def test_it_is_the_default_and_offered_first(task):
    assert default_for(task) == methods_for(task)[0].name == "auto"


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


@pytest.fixture(scope="module")
def labelled(tiny):
    cells = tiny.cells.copy()
    kinds = pd.qcut(np.asarray(cells.X[:, :10].sum(axis=1)).ravel(), 3, labels=["a", "b", "c"])
    cells.obs["type"] = kinds.astype(str)
    return cells


def test_deconvolution_is_that_of_the_method_kept(tiny, labelled):
    result = deconvolve(tiny.slides[0], labelled, "type")
    choice = result.record.settings["auto"]
    assert set(choice["tried"]) == {"knn", "nnls", "nnls likelihood of counts"}
    assert len({tried["error"] for tried in choice["tried"].values()}) == 3
    assert any("Mean Jensen-Shannon distance" in note for note in result.notes)
    np.testing.assert_allclose(result.proportions.sum(axis=1), 1)
    if not isinstance(choice["kept"], list):
        name, _, variant = choice["kept"].partition(" ")
        settings = {"loss": "counts"} if variant else None
        by_name = deconvolve(tiny.slides[0], labelled, "type", method=name, settings=settings)
        assert result.record.method == name and result.record.config == by_name.record.config
        assert by_name.proportions.to_numpy().tobytes() == result.proportions.to_numpy().tobytes()


def test_mixtures_are_averaged_by_weights_where_their_mean_is_kept(tiny, labelled, monkeypatch):
    monkeypatch.setattr(ranking, "_is_clear", lambda *_: True)
    result = deconvolve(tiny.slides[0], labelled, "type")
    names = result.record.settings["auto"]["kept"]
    weights = result.record.settings["auto"]["mean"]["weights"]
    assert list(weights) == names and sum(weights.values()) == 1
    assert result.record.method == "auto" and result.method.name == "auto"
    parts = []
    for name in names:
        method, _, variant = name.partition(" ")
        settings = {"loss": "counts"} if variant else None
        found = deconvolve(tiny.slides[0], labelled, "type", method=method, settings=settings)
        parts.append(found.proportions.to_numpy())
    mean = np.average(parts, axis=0, weights=list(weights.values()))
    np.testing.assert_allclose(result.proportions.to_numpy(), mean)


def test_imputed_genes_are_those_of_the_method_kept_or_the_mean_of_two(tiny, labelled, monkeypatch):
    slide = tiny.slides[0][:, 5:].copy()
    asked = [str(name) for name in labelled.var_names[:5]]
    result = impute_genes(slide, labelled, asked)
    kept = result.record.settings["auto"]["kept"]
    by_name = {name: impute_genes(slide, labelled, asked, method=name) for name in QUICK_GENES}
    assert kept in by_name and result.record.method == result.method.name == kept
    assert np.asarray(result.adata.X).tobytes() == np.asarray(by_name[kept].adata.X).tobytes()
    monkeypatch.setattr(ranking, "_is_clear", lambda *_: True)
    both = impute_genes(slide, labelled, asked)
    assert set(both.record.settings["auto"]["kept"]) == set(QUICK_GENES)
    mean = sum(np.asarray(found.adata.X) for found in by_name.values()) / 2
    np.testing.assert_allclose(np.asarray(both.adata.X), mean, rtol=1e-5, atol=1e-6)


def test_split_counts_are_those_of_the_method_kept_or_the_mean_of_two(monkeypatch):
    slide = bins()
    result = super_resolve(slide)
    kept = result.record.settings["auto"]["kept"]
    names = kept if isinstance(kept, list) else [kept]
    parts = {name: super_resolve(slide, method=name).adata.X for name in QUICK["super-resolve"][1:]}
    mean = sum(parts[name].toarray() for name in names) / len(names)
    np.testing.assert_allclose(result.adata.X.toarray(), mean, atol=1e-5)
    monkeypatch.setattr(ranking, "_is_clear", lambda *_: True)
    both = super_resolve(slide)
    one, two = both.record.settings["auto"]["kept"]
    mean = (parts[one] + parts[two]).toarray() / 2
    np.testing.assert_allclose(both.adata.X.toarray(), mean, atol=1e-5)
    assert both.record.metrics["fd"] < 1e-6 and both.record.method == "auto"


def test_a_config_of_another_method_decides_in_every_task(tiny, labelled):
    mixed = deconvolve(tiny.slides[0], labelled, "type", config=sr.config("knn", task="deconvolve"))
    assert mixed.record.method == "knn" and "auto" not in mixed.record.settings
    split = super_resolve(bins(), config=sr.config("gaussian"))
    assert split.record.method == "gaussian"
