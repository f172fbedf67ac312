"""The demo, made small: what it leaves, and what it says to open."""

from __future__ import annotations

import json

import anndata
import pytest
from PIL import Image

from napari_spatialrecon import demo
from napari_spatialrecon.cli import main
from napari_spatialrecon.errors import Stopped
from napari_spatialrecon.methods.dpvae.config import DPVAEConfig


@pytest.fixture
def small(monkeypatch, tiny):
    """The tiny tissue instead of the demo's, and a network that trains in a second."""
    config = DPVAEConfig().with_values({"members": 1, "training.steps": 30})
    original = demo.place

    def place(references, query, *, method, **options):
        chosen = config if method == "dpvae" else None
        return original(references, query, method=method, config=chosen, **options)

    monkeypatch.setattr(demo, "simulate", lambda *args, **options: tiny)
    monkeypatch.setattr(demo, "place", place)


def test_the_demo_leaves_a_result_a_record_and_pictures(small, tmp_path, capsys):
    folder = tmp_path / "demo-output"
    assert main(["demo", "--out", str(folder), "--json", str(tmp_path / "summary.json")]) == 0
    assert {p.name for p in folder.iterdir()} == {
        *("tissue", "placed.h5ad", "run.json", "overlay.png", "metrics.png", "metrics.json")
    }
    assert anndata.read_h5ad(folder / "placed.h5ad").obsm["spatial"].shape == (400, 2)
    record = json.loads((folder / "run.json").read_text())
    assert record["method"] == "dpvae"
    assert record["metrics"]["spearman"] > 0
    assert min(Image.open(folder / "overlay.png").size) > 300
    printed = capsys.readouterr().out
    for name in ("overlay.png", "metrics.png", "placed.h5ad", "run.json"):
        assert str(folder / name) in printed
    metrics = json.loads((folder / "metrics.json").read_text())
    assert f"{metrics['knn']['metrics']['spearman']:9.3f}" in printed
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert set(summary["metrics"]) == {"knn", "dpvae"}


def test_the_demo_can_be_stopped(small, tmp_path):
    with pytest.raises(Stopped):
        demo.run_demo(tmp_path / "demo", should_stop=lambda: True)
