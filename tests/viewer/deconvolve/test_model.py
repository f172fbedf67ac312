"""Deconvolve without a window: choices, the run, layers and pies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.come.config import ComeMixturesConfig
from napari_spatialrecon.tissue.slots import MAIN_TYPE
from napari_spatialrecon.viewer.canvas.colors import color_key
from napari_spatialrecon.viewer.canvas.pies import pies_of, sectors
from napari_spatialrecon.viewer.canvas.twin_layers import forget_twin
from napari_spatialrecon.viewer.deconvolve.job import Known, Mixed
from napari_spatialrecon.viewer.deconvolve.layers import share_name, show_mixtures, show_share
from napari_spatialrecon.viewer.deconvolve.model import MixtureModel
from napari_spatialrecon.viewer.task.model import State
from napari_spatialrecon.viewer.task.process import InProcess
from napari_spatialrecon.viewer.task.script import as_command, as_python
from napari_spatialrecon.viewer.workspace.workspace import Role

FAST = ComeMixturesConfig(steps=3)


@pytest.fixture
def model(viewer: ViewerModel, open_tissue: Any) -> MixtureModel:
    found = MixtureModel(open_tissue(viewer))
    found.method = "come"
    found.set_config(FAST, "quick")
    return found


def run(model: MixtureModel) -> Mixed:
    job = model.begin()
    model.finish(job(lambda _: None, lambda: False))
    return model.outcome


def test_an_empty_viewer_asks_for_slide_and_reference(viewer: ViewerModel, forgetful: Any) -> None:
    model = MixtureModel(forgetful(viewer))
    assert model.state is State.EMPTY and len(model.missing()) == 2
    with pytest.raises(InputError, match="slide"):
        model.job()


def test_cells_with_types_are_the_reference_and_their_column_is_found(model: MixtureModel) -> None:
    assert model.slide.name == "cortex 1 spots" and model.reference.name == "cortex cells"
    assert model.labels == "cell_type" and model.columns["cell_type"] > 2
    job = model.job()
    found = job.preflight()
    assert found.cells == 400 and found.genes > 50 and found.seconds > 0
    model.slide = model.slides[1]
    assert model.job().slide.name == "cortex 2"


def test_a_reference_without_types_is_told_before_the_run(model: MixtureModel) -> None:
    cells = model.reference.adata.copy()
    cells.obs = cells.obs[[]]
    model.reference = model.workspace.add("bare cells", Role.QUERY, adata=cells)
    assert model.state is State.EMPTY
    assert model.missing() == ["a column that names the type of each cell of bare cells"]


def test_many_names_are_no_types_and_one_type_is_said_to_be_one(model: MixtureModel) -> None:
    cells = model.reference.adata.copy()
    cells.obs["who"] = [f"name {i}" for i in range(cells.n_obs)]
    cells.obs["same"] = "neuron"
    cells.obs["depth"] = np.arange(cells.n_obs)
    model.reference = model.workspace.add("others", Role.QUERY, adata=cells)
    assert {"who", "depth"}.isdisjoint(model.columns) and model.columns["same"] == 1
    model.labels = "same"
    assert any("nothing to distinguish" in note for note in model.job().preflight().notes)


def test_a_run_says_what_the_spots_hold(model: MixtureModel, tmp_path: Path) -> None:
    outcome = run(model)
    assert model.state is State.DONE and outcome.summary.startswith(f"{outcome.adata.n_obs} spots")
    np.testing.assert_allclose(outcome.proportions.sum(axis=1), 1)
    assert list(outcome.adata.obs[MAIN_TYPE].cat.categories) == outcome.types
    text = outcome.spot(0)
    assert str(outcome.adata.obs_names[0]) in text and "Most likely cells" in text
    assert "main_cell_type" not in model.slide.adata.obs
    path, _ = outcome.write(tmp_path / "mix.h5ad")
    assert anndata.read_h5ad(path).obsm["mapping"].shape[1] == 400


def test_command_and_process_give_the_same_mixtures(model: MixtureModel) -> None:
    job = model.begin()
    assert "spatialrecon deconvolve" in as_command(job) and "--labels cell_type" in as_command(job)
    compile(as_python(job), "script", "exec")
    here = job(lambda _: None, lambda: False)
    there = InProcess(job)(lambda _: None, lambda: False)
    np.testing.assert_allclose(there.proportions, here.proportions, atol=1e-4)
    assert there.types == here.types and there.spot(0) == here.spot(0)


def test_known_cells_of_a_file_reach_the_run_the_command_and_the_script(
    model: MixtureModel, tmp_path: Path
) -> None:
    types = sorted(set(model.reference.adata.obs["cell_type"].dropna()))
    rarest = types[int(np.argmin(run(model).proportions.mean(axis=0)))]
    spots = model.slide.adata.obs_names
    counted = pd.DataFrame({rarest: np.full(len(spots), 3)}, index=spots)
    counted.to_csv(tmp_path / "cells.csv")
    before = model.outcome.proportions[:, types.index(rarest)].mean()
    model.known = Known.read(tmp_path / "cells.csv")
    found = run(model)
    assert found.proportions[:, types.index(rarest)].mean() > before + 0.2
    assert found.record["settings"]["prior"] == str(tmp_path / "cells.csv")
    assert f"--prior {tmp_path / 'cells.csv'}" in as_command(model.last)
    text = as_python(model.last)
    assert f"prior = sr.read_shares('{tmp_path / 'cells.csv'}')" in text and "prior=prior" in text
    model.method = "nnls"
    with pytest.raises(InputError, match="takes known shares"):
        model.job().preflight()
    counted.index = [f"other {name}" for name in spots]
    model.known = Known(tmp_path / "cells.csv", counted)
    with pytest.raises(InputError, match="none that match"):
        model.job().preflight()


def test_pies_and_one_type_are_layers_that_replace_themselves(
    model: MixtureModel, viewer: ViewerModel
) -> None:
    outcome = run(model)
    name = model.last.result_name
    before = len(viewer.layers)
    layer = show_mixtures(viewer, outcome, name)
    pies = pies_of(layer)
    assert pies is not None and pies.visible
    assert color_key(layer).title == "main cell type"
    assert show_mixtures(viewer, outcome, name) is layer and len(viewer.layers) == before + 1
    share = show_share(viewer, outcome, layer, name, 1)
    assert share.name == f"{name} · {outcome.types[1]}" and not layer.visible
    assert show_share(viewer, outcome, layer, name, 2) is share
    assert color_key(share).limits == (0.0, pytest.approx(outcome.proportions[:, 2].max()))
    forget_twin(viewer, share_name(name))
    assert share not in viewer.layers


def test_sectors_are_the_largest_types_in_their_order() -> None:
    shares = np.array([[0.1, 0.0, 0.6, 0.3], [0.25] * 4, [0, 1, 0, 0]])
    ends, kinds = sectors(shares)
    np.testing.assert_allclose(ends[0, :4], [0.1, 0.1, 0.7, 1.001], atol=1e-6)
    assert (np.diff(ends, axis=1) >= 0).all() and (ends[:, -1] > 1).all()
    assert list(kinds[0, :4]) == [0, 1, 2, 3]
    many = np.full((1, 20), 0.05)
    ends, _ = sectors(many)
    assert ends[0, -1] == pytest.approx(8 * 0.05)


def test_names_with_a_slash_and_a_number_are_kept(model: MixtureModel) -> None:
    cells = model.reference.adata.copy()
    kinds = np.where(np.arange(cells.n_obs) % 2, "L2/3 IT", "42")
    cells.obs["kind of cell type"] = pd.Categorical(kinds)
    model.reference = model.workspace.add("others", Role.QUERY, adata=cells)
    model.labels = "kind of cell type"
    outcome = run(model)
    assert outcome.types == ["42", "L2/3 IT"]
