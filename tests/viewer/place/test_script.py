from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from anndata import read_h5ad
from napari.components import ViewerModel

from napari_spatialrecon.methods.placement.config import KnnConfig
from napari_spatialrecon.viewer.place.job import PlaceJob
from napari_spatialrecon.viewer.place.model import PlaceModel
from napari_spatialrecon.viewer.reader import read
from napari_spatialrecon.viewer.task.process import InProcess
from napari_spatialrecon.viewer.task.script import as_command, as_python
from napari_spatialrecon.viewer.workspace.workspace import Role


@pytest.fixture
def job(viewer: ViewerModel, forgetful: Any, tiny_folder: Path, tmp_path: Path) -> PlaceJob:
    """Cells from a file on two slides from files, with settings that differ from the preset."""
    model = PlaceModel(forgetful(viewer))
    for name in ("section1", "section2"):
        for layer in read(str(tiny_folder / f"{name}.h5ad")):
            viewer._add_layer_from_data(*layer)
    read(str(tiny_folder / "cells.h5ad"))
    model.method = "knn"
    model.set_config(KnnConfig().with_values({"neighbours": 7, "temperature": 0.2}), "quick")
    model.seed, model.device = 3, "cpu"
    model.image = next(e for e in model.images if e.name == "section2 H&E")
    job = model.job()
    assert job.display == "section2"
    return job


def test_python_and_command_and_the_window_give_the_same_places(
    job: PlaceJob,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from napari_spatialrecon.cli import main

    outcome = job(lambda _: None, lambda: False)
    places = outcome.adata.obsm["spatial"]
    outcome.write(tmp_path / "of the window.zarr")
    main(["repeat", str(tmp_path / "of the window.run.json"), "--progress", "none"])
    assert capsys.readouterr().err.endswith("of the window.zarr in obs/community.\n")
    for folder, run in (
        ("python", lambda: exec(as_python(job), {})),
        ("command", lambda: main(shlex.split(as_command(job).replace("\\\n", " "))[1:])),
    ):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        run()
        np.testing.assert_array_equal(read_h5ad("placed.h5ad").obsm["spatial"], places)


def test_what_lies_in_napari_only_is_to_be_saved_first(
    viewer: ViewerModel, open_tissue: Any
) -> None:
    model = PlaceModel(open_tissue(viewer))
    text = as_command(model.job())
    assert "command" not in model.job().settings()
    assert "# cortex 1 is open only in napari: save it as cortex 1.h5ad first." in text
    assert "--reference 'cortex 1.h5ad'" in text
    model.query = model.references[1]
    assert "--onto 'cortex 2.h5ad'" in as_command(model.job())
    compile(as_python(model.job()), "script", "exec")


def test_a_separate_process_gives_the_same_places_and_leaves_only_them(
    job: PlaceJob, tmp_path: Path
) -> None:
    from dataclasses import replace

    seen = []
    outcome = InProcess(replace(job, folder=tmp_path / "placed"))(seen.append, lambda: False)
    np.testing.assert_array_equal(
        outcome.adata.obsm["spatial"], job(lambda _: None, lambda: False).adata.obsm["spatial"]
    )
    assert seen and outcome.verdict.startswith("Median error on held-out spots, kNN: ")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["placed.h5ad", "placed.run.json"]


def test_a_saved_run_holds_the_cells_and_what_made_them(job: PlaceJob, tmp_path: Path) -> None:
    outcome = job(lambda _: None, lambda: False)
    cells, record = outcome.write(tmp_path / "out.h5ad")
    content = json.loads(record.read_text())
    assert read_h5ad(cells).n_obs == outcome.adata.n_obs
    assert content["config"]["neighbours"] == 7 and content["seed"] == 3
    assert content["settings"]["preset"] == "quick"
    with pytest.raises(Exception, match="h5ad"):
        outcome.write(tmp_path / "out.csv")


def test_the_same_file_twice_is_one_reference(
    job: PlaceJob, viewer: ViewerModel, tiny_folder: Path
) -> None:
    from napari_spatialrecon.viewer.workspace.workspace import workspace_of

    assert read(str(tiny_folder / "section1.h5ad")) == [(None,)]
    space = workspace_of(viewer)
    assert [e.path.stem for e in space.of_role(Role.SLIDE)] == ["section1", "section2"]
    assert any("opened again" in note for entry in space for note in entry.notes)
