"""Saved results that are opened again: each looks and says what it did after its run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Points

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.come.config import ComeMixturesConfig
from napari_spatialrecon.methods.placement import calibration
from napari_spatialrecon.progress import Progress
from napari_spatialrecon.tasks.gene_check import without
from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.canvas.colors import color_key
from napari_spatialrecon.viewer.canvas.pies import pies_of
from napari_spatialrecon.viewer.canvas.tiles import shift_of
from napari_spatialrecon.viewer.canvas.view import show_tissue
from napari_spatialrecon.viewer.deconvolve.model import MixtureModel
from napari_spatialrecon.viewer.impute_genes.model import GeneModel
from napari_spatialrecon.viewer.place.model import PlaceModel
from napari_spatialrecon.viewer.reader import get_reader, read
from napari_spatialrecon.viewer.super_resolve.model import SuperModel
from napari_spatialrecon.viewer.task.curves import Curves
from napari_spatialrecon.viewer.task.model import CURVES, TaskModel
from napari_spatialrecon.viewer.workspace import opening
from napari_spatialrecon.viewer.workspace.reopening import room_of
from napari_spatialrecon.viewer.workspace.results import Result
from napari_spatialrecon.viewer.workspace.workspace import Role, workspace_of

TASKS = ("place", "place spots", "deconvolve", "impute-genes", "super-resolve")


def model_of(task: str, space: Any) -> TaskModel:
    """Return a task that takes a second."""
    if task.startswith("place"):
        placing = PlaceModel(space)
        placing.method = "knn"
        if task == "place spots":
            placing.query = space.of_role(Role.SLIDE)[1]
        return placing
    if task == "deconvolve":
        mixing = MixtureModel(space)
        mixing.set_config(ComeMixturesConfig(steps=3), "quick")
        return mixing
    if task == "impute-genes":
        genes = GeneModel(space)
        slide = genes.slide
        slide.adata = without(slide.adata, [str(g) for g in slide.adata.var_names[-5:]])
        genes.method = "knn"
        genes.add_genes(next(name for name in genes.names if name not in genes.measured))
        return genes
    splitting = SuperModel(space)
    splitting.method = "bilinear"
    return splitting


def finished(task: str, viewer: ViewerModel, space: Any) -> tuple[Any, Any]:
    """Run a task, show its result, and return its model and main layer."""
    model = model_of(task, space)
    job = model.begin()
    model.curves.add(Progress("training", 2, 10, metrics={"loss": 0.5, "held_out": 0.3}))
    model.finish(job(lambda _: None, lambda: False))
    ground, room = model.ground, room_of(job.verb)
    assert room is not None
    layer = room.show(
        viewer,
        model.outcome,
        model.result_name,
        diameter_um=ground.diameter_um,
        image=ground.image,
    )
    return model, layer


def reopened(path: Path, viewer: ViewerModel) -> Result:
    read(str(path))
    (result,) = workspace_of(viewer).results
    return result


def on_its_tile(layer: Any) -> np.ndarray:
    """How a layer was moved, (3, 3) for (y, x), beyond where its slide lies beside others."""
    matrix = np.array(layer.affine.affine_matrix)
    matrix[:2, 2] -= shift_of(layer)
    return matrix


@pytest.mark.parametrize(
    ("task", "suffix"),
    [*((task, ".h5ad") for task in TASKS), ("deconvolve", ".zarr"), ("super-resolve", ".zarr")],
)
def test_a_saved_result_looks_as_after_its_run(
    task: str,
    suffix: str,
    viewer: ViewerModel,
    open_tissue: Any,
    forgetful: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(calibration, "LEAST", 5)  # the tissue is small, and errors color cells
    model, before = finished(task, viewer, open_tissue(viewer))
    path = tmp_path / f"result{suffix}"
    model.outcome.write(path)
    other = ViewerModel()
    monkeypatch.setattr("napari.current_viewer", lambda: other)
    forgetful(other)
    result = reopened(path, other)
    after = result.layer
    assert after in other.layers and after.name == before.name and result.path == path
    assert result.name == model.result_name and result.task == model.task
    assert result.outcome.summary == model.outcome.summary
    assert Curves.of(result.record[CURVES]).losses == model.curves.losses
    assert after.units == before.units
    np.testing.assert_allclose(on_its_tile(after), on_its_tile(before), atol=1e-6)
    if not isinstance(before, Points):
        np.testing.assert_allclose(after.data, before.data, rtol=1e-5)
        np.testing.assert_allclose(after.scale, before.scale)
        np.testing.assert_allclose(after.translate, before.translate)
        assert after.contrast_limits == pytest.approx(before.contrast_limits)
        assert len(result.drawn.points.data) == len(model.outcome.adata)
        return
    np.testing.assert_allclose(after.data, before.data, rtol=1e-6)
    for seen in ("size", "border_width", "border_color", "face_color"):
        np.testing.assert_allclose(getattr(after, seen), getattr(before, seen), atol=1e-4)
    assert after.canvas_size_limits == before.canvas_size_limits
    own, old = color_key(after), color_key(before)
    assert own is not None and old is not None
    assert [e.name for e in own.entries] == [e.name for e in old.entries]
    assert own.title == old.title and own.limits == pytest.approx(old.limits)
    assert (pies_of(after) is None) == (task != "deconvolve")


def test_the_file_alone_tells_what_the_run_was(
    viewer: ViewerModel, open_tissue: Any, forgetful: Any, tmp_path: Path
) -> None:
    model, _ = finished("place", viewer, open_tissue(viewer))
    for file in model.outcome.write(tmp_path / "placed.h5ad")[1:]:
        file.unlink()
    viewer.layers.clear()
    forgetful(viewer)
    result = reopened(tmp_path / "placed.h5ad", viewer)
    said = model.outcome.summary
    assert result.outcome.summary == said.replace(model.outcome.time, "", 1)
    assert result.record["metrics"] == model.outcome.record["metrics"]


def test_a_result_of_the_command_line_is_shown_with_its_verdict(
    viewer: ViewerModel, open_tissue: Any, forgetful: Any, tmp_path: Path
) -> None:
    model = model_of("deconvolve", open_tissue(viewer))
    made = model.job()(lambda _: None, lambda: False)
    spots = model.slide.points
    made.adata.obs = made.adata.obs.drop(columns="main_cell_type")
    made.write(tmp_path / "mixtures.h5ad")
    viewer.layers.clear()
    forgetful(viewer)
    result = reopened(tmp_path / "mixtures.h5ad", viewer)
    assert result.name == "mixtures" and "cell types" in result.outcome.summary
    assert pies_of(result.layer) is not None
    np.testing.assert_allclose(result.layer.size, spots.size)


def test_a_result_of_a_run_and_its_file_lie_beside_each_other(
    viewer: ViewerModel, open_tissue: Any, tmp_path: Path
) -> None:
    model, first = finished("place", viewer, open_tissue(viewer))
    model.outcome.write(tmp_path / "placed.h5ad")
    result = reopened(tmp_path / "placed.h5ad", viewer)
    assert first in viewer.layers and result.layer is not first
    assert result.name == f"{first.name} (placed)"
    again = model_of("place", workspace_of(viewer)).job()
    room = room_of(again.verb)
    assert room is not None
    room.show(viewer, model.outcome, result.name, diameter_um=None, image=None)
    assert result.layer in viewer.layers, "a run does not replace what was opened"


def test_the_record_of_a_run_opens_its_result_or_says_what_to_drop(
    viewer: ViewerModel, open_tissue: Any, forgetful: Any, tmp_path: Path
) -> None:
    model, _ = finished("place", viewer, open_tissue(viewer))
    path, record = model.outcome.write(tmp_path / "placed.h5ad")
    viewer.layers.clear()
    forgetful(viewer)
    assert get_reader(str(record)) is not None
    assert reopened(record, viewer).path == path
    assert read(str(record)) == read(str(path)), "it is open already"
    path.unlink()
    with pytest.raises(InputError, match=r"\(placed.h5ad or placed.zarr\), found neither"):
        read(str(record))


def test_a_reopened_result_says_how_good_it_is_and_fills_the_view(
    viewer: ViewerModel,
    open_tissue: Any,
    forgetful: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, _ = finished("place", viewer, open_tissue(viewer))
    del model.outcome.adata.uns["spatial"]
    path = model.outcome.write(tmp_path / "placed.h5ad")[0]
    viewer.layers.clear()
    said: list[str] = []
    monkeypatch.setattr(f"{opening.__name__}.notify_info", said.append)
    space = forgetful(viewer)
    reopened(path, viewer)
    assert said == [f"{model.outcome.summary}\n({model.result_name})"]
    zoom = viewer.scene.camera.zoom
    show_tissue(viewer)
    assert viewer.scene.camera.zoom == pytest.approx(zoom)
    space.kept["workbench"] = space
    read(str(model.outcome.write(tmp_path / "again.h5ad")[0]))
    assert len(said) == 1, "the tabs of the workbench say it"


def test_a_damaged_record_opens_as_a_table(
    viewer: ViewerModel, open_tissue: Any, forgetful: Any, tmp_path: Path
) -> None:
    model, _ = finished("place", viewer, open_tissue(viewer))
    path = tmp_path / "placed.h5ad"
    model.outcome.adata.write_h5ad(path)
    path.with_suffix(".run.json").write_text('{"task": "place"')
    viewer.layers.clear()
    forgetful(viewer)
    layers = read(str(path))
    assert layers[-1][1]["name"] == "placed · placed"
    path.with_suffix(".run.json").write_text(json.dumps({"task": "unheard of"}))
    assert read(str(path))[-1][1]["name"] == "placed · placed"
    assert OURS in layers[-1][1]["metadata"]
