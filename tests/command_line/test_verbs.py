"""The other verbs of the command line."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import anndata
import numpy as np
import pytest
from PIL import Image

from napari_spatialrecon.cli import main
from napari_spatialrecon.command_line.running import summarise
from napari_spatialrecon.methods.dpvae.config import DPVAEConfig
from napari_spatialrecon.methods.registry import METHODS


def names(folder):
    return {p.name for p in folder.iterdir()}


def test_numbers_that_are_not_finite_are_null_in_a_summary(run, tmp_path, monkeypatch):
    options = type("Options", (), {"json": str(tmp_path / "a.json")})
    summarise({"a": float("nan"), "b": [float("inf"), Path("x")]}, options)
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": None, "b": [None, "x"]}


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("napari-spatialrecon 0.")


def test_train_keeps_a_model_that_can_be_fine_tuned(run, inputs, tmp_path, references, small):
    model, tuned = tmp_path / "model", tmp_path / "tuned"
    words = ["train", "--method", "dpvae", *references]
    code, _, messages = run(*words, *small, "--out", model)
    assert code == 0
    assert f"model saved: {model}" in messages
    assert names(tmp_path) == {"model"}
    code, _, _ = run(
        *("train", "--method", "dpvae", "--reference", inputs / "section1.h5ad"),
        *("--start-from", model, "--set", "training.steps=2", "--out", tuned),
    )
    assert code == 0
    record = json.loads((tuned / "run.json").read_text())
    assert record["task"] == "train"
    assert record["config"]["network"]["width"] == 48
    assert record["config"]["training"]["steps"] == 2
    assert record["settings"]["start_from"] == str(model)
    out = tmp_path / "placed.h5ad"
    cells = ["--query", inputs / "cells.h5ad", "--out", out]
    assert run("place", "--method", "dpvae", "--model", tuned, *cells)[0] == 0


@pytest.mark.parametrize("slides", [True, False])
def test_impute_locations_from_a_table(run, inputs, tmp_path, slides, references, small):
    truth = anndata.read_h5ad(inputs / "truth.h5ad")
    known = truth[::16]
    table = tmp_path / "landmarks.csv"
    lines = [
        f"{n},{x},{y}" for n, (x, y) in zip(known.obs_names, known.obsm["spatial"], strict=True)
    ]
    table.write_text("obs_name,x,y\n" + "\n".join(lines))
    out = tmp_path / "placed.h5ad"
    code, _, messages = run(
        *("impute-locations", "--method", "dpvae", "--query", inputs / "cells.h5ad"),
        *("--landmarks", table, *(references if slides else [])),
        *("--out", out, *small),
    )
    assert code == 0, messages
    placed = anndata.read_h5ad(out)
    np.testing.assert_allclose(
        placed[known.obs_names].obsm["spatial"], known.obsm["spatial"], atol=1e-3
    )
    record = json.loads((tmp_path / "placed.run.json").read_text())
    assert record["task"] == "impute-locations"
    assert record["settings"]["landmarks"] == str(table)


def test_evaluate_prints_the_metrics_and_draws(run, inputs, tmp_path, placing):
    out, picture = tmp_path / "placed.h5ad", tmp_path / "picture.png"
    run(*placing(out))
    words = ["--truth", inputs / "truth.h5ad", "--prediction", out]
    code, printed, _ = run("evaluate", "place", *words, "--picture", picture, "--color", "niche")
    assert code == 0
    report = json.loads(printed)
    assert report["metrics"]["spearman"] > 0.6
    assert report["cells"]["compared"] == 400
    assert min(Image.open(picture).size) > 300
    code, printed, _ = run("evaluate", "place", *words, "--json", tmp_path / "report.json")
    assert (code, printed) == (0, "")
    assert json.loads((tmp_path / "report.json").read_text()) == report


def test_simulate_writes_a_tissue(run, tmp_path):
    out = tmp_path / "tissue"
    words = ["simulate", "--tissue", "tumour", "--preset", "tiny", "--out", out]
    code, printed, messages = run(*words, "--set", "n_cells=50", "--seed", 3, "--json", "-")
    assert code == 0
    assert f"simulated tumour in {out}" in messages
    listed = {Path(f).name for f in json.loads(printed)["files"]}
    assert listed == names(out)
    assert {"section1.h5ad", "cells.h5ad", "truth.h5ad", "simulation.json"} <= listed
    assert anndata.read_h5ad(out / "cells.h5ad").n_obs == 50
    assert json.loads((out / "simulation.json").read_text())["seed"] == 3


def test_methods_are_listed_for_people_and_for_programs(run):
    code, printed, _ = run("methods")
    assert code == 0
    for info in METHODS:
        assert info.name in printed
        assert info.summary in printed
    code, printed, _ = run("methods", "--json")
    listed = {(m["name"], m["tasks"][0]): m for m in json.loads(printed)}
    assert set(listed) == {(info.name, info.tasks[0]) for info in METHODS}
    settings = {s["name"]: s for s in listed["dpvae", "place"]["settings"]}
    assert settings["alpha"]["default"] == 100.0
    assert "paper" in listed["dpvae", "place"]["presets"]
    assert ("knn", "impute-genes") in listed


def test_threads_are_limited_as_asked(run, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    run("methods", "--json", "-")
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_threads_that_are_asked_for_win(run, inputs, tmp_path, monkeypatch, placing):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    run(*placing(tmp_path / "a.h5ad", "knn", "--threads", 1))
    assert os.environ["OMP_NUM_THREADS"] == "1"


def test_configs_are_written_as_they_are_read(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(DPVAEConfig.preset("paper").to_toml(), encoding="utf-8")
    assert DPVAEConfig.from_toml(path) == DPVAEConfig.preset("paper")
    assert tomllib.loads(path.read_text())["network"]["layers"] == 1
