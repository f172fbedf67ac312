"""Results and models that several cases share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from anndata import AnnData

import napari_spatialrecon as sr
from napari_spatialrecon.batch import running
from remedies.cases import command, written


@pytest.fixture(scope="session")
def placed(tiny: Any) -> AnnData:
    """Cells placed by kNN."""
    return sr.place({"one": tiny.slides[0]}, tiny.cells, method="knn").adata


@pytest.fixture(scope="session")
def truth(tiny: Any) -> AnnData:
    """The query with its true places."""
    adata = tiny.cells.copy()
    adata.obsm["spatial"] = tiny.truth.loc[adata.obs_names, ["x", "y"]].to_numpy(float)
    return adata


@pytest.fixture(scope="session")
def encoder(tiny: Any) -> Any:
    """An encoder after two steps."""
    settings = {"training.steps": 2}
    return sr.train_encoder({"one": tiny.slides[0]}, tiny.cells, settings=settings).encoder


@pytest.fixture
def words(tiny_folder: Path) -> list[object]:
    """A command that places cells, without its output."""
    return [
        *("place", "--method", "knn", "--reference", tiny_folder / "section1.h5ad"),
        *("--query", tiny_folder / "cells.h5ad", "--progress", "none"),
    ]


@pytest.fixture
def viewer(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A viewer without Qt that is the current one."""
    from napari.components import ViewerModel

    model = ViewerModel()
    monkeypatch.setattr("napari.current_viewer", lambda: model)
    return model


@pytest.fixture
def space(viewer: Any, tiny: Any) -> Any:
    """A workspace with a tiny cortex: two slides with H&E, and cells to place."""
    from napari.layers import Layer

    from napari_spatialrecon.viewer.window.memory import Memory
    from napari_spatialrecon.viewer.workspace.simulated import (
        list_simulated_cells,
        simulated_layers,
    )
    from napari_spatialrecon.viewer.workspace.workspace import workspace_of

    found = workspace_of(viewer, memory=Memory({}))
    for layer in simulated_layers(tiny):
        viewer.add_layer(Layer.create(*layer))
    list_simulated_cells(viewer, tiny)
    return found


def _run(words: Any, out: str, log: str, stop: str) -> tuple[int, str, float]:
    Path(out).with_suffix(".run.json").write_text(json.dumps({"task": "place"}))
    return 0, "", 0.0


@pytest.fixture
def batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a batch over a table with this content."""
    monkeypatch.setattr(running, "run_sample", _run)

    def run(content: str, *more: object) -> None:
        table = written(tmp_path / "samples.csv", content)
        command("batch", table, "place", "--out", tmp_path / "out", *more)

    return run
