from __future__ import annotations

from argparse import Namespace
from typing import Any

import numpy as np
import pytest
from anndata import AnnData
from napari.components import ViewerModel

from napari_spatialrecon.command_line.outputs import resume_folder
from napari_spatialrecon.errors import ConfigError, InputError, Stopped
from napari_spatialrecon.methods.placement.config import KnnConfig
from napari_spatialrecon.viewer.place.model import PlaceModel
from napari_spatialrecon.viewer.task.model import State
from napari_spatialrecon.viewer.workspace.tables import Picture
from napari_spatialrecon.viewer.workspace.workspace import Role


@pytest.fixture
def model(viewer: ViewerModel, open_tissue: Any) -> PlaceModel:
    """Two slides and cells, to be placed by kNN."""
    found = PlaceModel(open_tissue(viewer))
    found.method = "knn"
    return found


def no_stop() -> bool:
    return False


def test_an_empty_viewer_says_what_is_missing(viewer: ViewerModel, forgetful: Any) -> None:
    model = PlaceModel(forgetful(viewer))
    assert model.state is State.EMPTY and len(model.missing()) == 2
    with pytest.raises(InputError, match="reference slide"):
        model.job()


def test_open_slides_are_references_and_cells_the_query(model: PlaceModel) -> None:
    assert [e.name for e in model.references] == ["cortex 1 spots", "cortex 2 spots"]
    assert model.query.name == "cortex cells" and model.state is State.READY
    job = model.job()
    assert [t.name for t in job.references] == ["cortex 1", "cortex 2"]
    assert job.display == "cortex 1" and job.onto is None


def test_a_slide_is_left_out_and_taken_again(model: PlaceModel) -> None:
    second = model.references[1]
    model.use(second, used=False)
    assert [e.name for e in model.references] == ["cortex 1 spots"] and model.left_out == [second]
    model.use(second)
    assert second in model.references and not model.left_out


def test_a_slide_used_as_cells_has_its_coordinates_hidden(model: PlaceModel) -> None:
    second = model.references[1]
    model.query = second
    job = model.job()
    assert "spatial" not in job.query.adata.obsm and "spatial" in second.adata.obsm
    assert [t.name for t in job.references] == ["cortex 1"]
    assert model.image.name == "cortex 2 H&E" and job.onto.name == "cortex 2"
    model.begin()
    model.finish(model.last(lambda _: None, no_stop))
    truth = second.adata.obsm["spatial"] * second.um_per_unit
    extent = np.ptp(truth, axis=0).max()
    assert 0 < model.hidden_error() < extent
    model.query = None
    assert second in model.references


def test_the_result_does_not_change_with_the_hidden_coordinates(
    model: PlaceModel,
) -> None:
    second = model.references[1]
    model.query, model.image = second, model.images[0]
    first = model.job()(lambda _: None, no_stop).adata.obsm["spatial"]
    second.adata = second.adata.copy()
    second.adata.obsm["spatial"] = second.adata.obsm["spatial"][::-1] * 3.0
    again = model.job()(lambda _: None, no_stop).adata.obsm["spatial"]
    np.testing.assert_array_equal(first, again)


def test_a_run_ends_done_and_a_new_choice_makes_it_ready_again(model: PlaceModel) -> None:
    said = []
    model.changed.connect(lambda: said.append(model.state))
    job = model.begin()
    with pytest.raises(InputError, match="one run at a time"):
        model.begin()
    model.finish(job(lambda _: None, no_stop))
    assert (
        said == [State.RUNNING, State.DONE]
        and model.last.result_name == "cortex cells · kNN (spatial LDA)"
    )
    assert model.outcome.verdict.startswith("Median error on held-out spots, kNN: ")
    model.image = model.images[1]
    assert model.state is State.READY and model.outcome is not None


def test_stopping_and_failing_keep_what_was_chosen(model: PlaceModel) -> None:
    chosen = model.references, model.query
    model.begin()
    model.fail(Stopped())
    assert model.state is State.STOPPED and not model.can_resume
    model.begin()
    model.fail(MemoryError())
    assert model.state is State.FAILED and isinstance(model.error, MemoryError)
    assert (model.references, model.query) == chosen


def test_a_stopped_run_in_another_process_is_kept_where_resume_looks(model: PlaceModel) -> None:
    folder = model.begin().folder
    assert folder is not None
    out = folder.with_name(f"{folder.stem}.h5ad")
    assert resume_folder(Namespace(out=out, resume=None)) == folder


def test_a_deleted_layer_is_forgotten_and_the_run_goes_on(
    model: PlaceModel, viewer: ViewerModel
) -> None:
    job = model.begin()
    viewer.layers.remove("cortex 1 spots")
    viewer.layers.remove("cortex 1 H&E")
    assert model.running and [e.name for e in model.references] == ["cortex 2 spots"]
    model.finish(job(lambda _: None, no_stop))
    assert model.state is State.DONE and model.outcome.adata.n_obs > 0


def test_wrong_settings_are_told_when_the_run_is_asked_for(model: PlaceModel) -> None:
    model.set_config(ConfigError("Expected at least 1, found 0.", where="neighbours"), "quick")
    with pytest.raises(ConfigError, match="neighbours"):
        model.begin()
    assert not model.running
    model.set_config(KnnConfig.preset("plain"), "plain")
    assert model.job().config == KnnConfig.preset("plain")


@pytest.mark.parametrize("kind", ["rgb", "rgba", "16 bit"])
def test_any_image_layer_can_be_laid_on_once_its_scale_is_known(
    model: PlaceModel, viewer: ViewerModel, tiny: Any, kind: str
) -> None:
    picture = tiny.slides[0].uns["spatial"]
    library = next(iter(picture.values()))
    pixels = np.asarray(library["images"]["hires"])
    if kind == "rgba":
        pixels = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    elif kind == "16 bit":
        pixels = pixels.astype(np.uint16) * 257
    viewer.add_image(pixels, name="scan", rgb=True)
    entry = model.workspace.named("scan")
    model.image = entry
    assert model.unscaled() is entry
    with pytest.raises(InputError, match="µm per pixel"):
        model.job()
    model.workspace.set_scale(entry, 2.0)
    assert model.unscaled() is None
    job = model.job()
    assert isinstance(job.onto, Picture) and job.onto.um_per_pixel == 2.0
    onto = job(lambda _: None, no_stop).adata.obsm["spatial"]
    model.image = model.workspace.named("cortex 1 H&E")
    own = model.job()(lambda _: None, no_stop).adata.obsm["spatial"]
    np.testing.assert_allclose(onto, own * library["scalefactors"]["tissue_hires_scalef"], atol=4)


def test_a_grey_image_is_refused_in_words(model: PlaceModel, viewer: ViewerModel) -> None:
    viewer.add_image(np.full((60, 60), 30, np.uint8), name="scan", scale=(5, 5), units="um")
    model.image = model.workspace.named("scan")
    with pytest.raises(InputError, match="Expected tissue"):
        model.job()(lambda _: None, no_stop)


def test_two_slides_of_one_name_keep_apart(
    viewer: ViewerModel, forgetful: Any, tiny: Any, tmp_path: Any
) -> None:
    space = forgetful(viewer)
    for folder in ("a", "b"):
        space.add("C5 spots", Role.SLIDE, adata=tiny.slides[0], path=tmp_path / folder / "C5.h5ad")
    space.add("cells", Role.QUERY, adata=tiny.cells)
    model = PlaceModel(space)
    assert len({t.name for t in model.job().references}) == 2


def test_inputs_that_cannot_be_used_are_refused_with_every_problem(model: PlaceModel) -> None:
    logged = AnnData(np.log1p(model.query.adata.X.toarray()), var=model.query.adata.var)
    model.query = model.workspace.add("logs", Role.QUERY, adata=logged)
    with pytest.raises(InputError, match="log1p"):
        model.job().preflight()
