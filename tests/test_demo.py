"""The demo, made small: what it leaves, and what it says to open."""

from __future__ import annotations

import json

import anndata
import pytest
from PIL import Image

from napari_spatialrecon import demo
from napari_spatialrecon.cli import main
from napari_spatialrecon.errors import Stopped
from napari_spatialrecon.methods.gears.config import GearsConfig


@pytest.fixture
def small(monkeypatch, tiny):
    """The tiny tissue instead of the demo's, and a network that trains in a second."""
    config = GearsConfig().with_values({"members": 1, "training.steps": 20})
    original = demo.place

    def place(references, query, *, method, **options):
        chosen = config if method == demo.LEARNED else None
        return original(references, query, method=method, config=chosen, **options)

    monkeypatch.setattr(demo, "simulate", lambda *args, **options: tiny)
    monkeypatch.setattr(demo, "place", place)
    monkeypatch.setattr(demo, "IMPUTING", "knn")
    monkeypatch.setattr(demo, "BRIEFLY", {})
    monkeypatch.setattr(demo, "HIDDEN", 6)


def test_the_demo_leaves_a_result_a_record_pictures_and_a_page(small, tmp_path, capsys):
    folder = tmp_path / "demo-output"
    assert main(["demo", "--out", str(folder), "--json", str(tmp_path / "summary.json")]) == 0
    assert {p.name for p in folder.iterdir()} == {
        *("tissue", "placed.h5ad", "run.json", "metrics.json", "index.html"),
        *("overlay.png", "metrics.png", "genes.png", "her2_overlay.png"),
    }
    assert anndata.read_h5ad(folder / "placed.h5ad").obsm["spatial"].shape == (400, 2)
    record = json.loads((folder / "run.json").read_text())
    metrics = json.loads((folder / "metrics.json").read_text())
    won = max(("knn", "gears"), key=lambda name: metrics[name]["metrics"]["spearman"])
    assert record["method"] == won
    assert record["metrics"]["spearman"] > 0
    assert min(Image.open(folder / "overlay.png").size) > 300
    page = (folder / "index.html").read_text(encoding="utf-8")
    for name in ("overlay.png", "genes.png", "metrics.png", "her2_overlay.png"):
        assert min(Image.open(folder / name).size) > 200
        assert f'src="{name}" alt="' in page
    printed = capsys.readouterr().out
    for name in ("index.html", "overlay.png", "genes.png", "placed.h5ad", "run.json"):
        assert str(folder / name) in printed
    assert f"{metrics['knn']['metrics']['spearman']:9.3f}" in printed
    assert all(
        f"{value:.3f}" in printed and f"{value:.3f}" in page for value in metrics["genes"].values()
    )
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert set(summary["metrics"]) == {"knn", "gears"} and len(summary["genes"]) == 2


def test_the_demo_can_be_stopped(small, tmp_path):
    with pytest.raises(Stopped):
        demo.run_demo(tmp_path / "demo", should_stop=lambda: True)


def test_the_verdict_names_what_won_and_how_little_it_won_by():
    row, other = {"spearman": 0.8}, {"spearman": 0.797}
    assert "GEARS, which agrees best" in demo._verdict("GEARS", row, other)
    assert "nearly as well" in demo._verdict("GEARS", row, other)
    assert "by 0.100" in demo._verdict("GEARS", row, {"spearman": 0.7})
