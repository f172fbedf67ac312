from __future__ import annotations

from typing import Any

import pytest
from anndata import AnnData
from napari.components import ViewerModel

from napari_spatialrecon.viewer.place.model import PlaceModel
from napari_spatialrecon.viewer.task.repeating import choices_of, data_of
from napari_spatialrecon.viewer.workspace.results import Result
from napari_spatialrecon.viewer.workspace.workspace import Role


@pytest.fixture
def model(viewer: ViewerModel, open_tissue: Any) -> PlaceModel:
    """Cells to be placed by a changed method, with one of two slides."""
    model = PlaceModel(open_tissue(viewer))
    model.method, model.seed = "knn", 5
    model.set_config(model.method.config()(neighbours=7), "quick")
    model.use(model.references[0], False)
    return model


def check(result: Result, model: PlaceModel) -> None:
    choices = choices_of(result)
    assert (choices["method"], choices["preset"], choices["seed"]) == ("knn", "quick", 5)
    assert choices["settings"] == {"neighbours": 7}
    again = PlaceModel(model.workspace)
    again.take(data_of(result, model.workspace))
    assert again.query is model.query and again.references == model.references
    assert len(again.references) == 1


def test_the_choices_of_a_run_are_made_again(model: PlaceModel) -> None:
    job = model.job()
    check(Result("a", "place", job.query.adata, job=job), model)


def test_those_of_a_reopened_result_come_from_its_record(model: PlaceModel) -> None:
    job = model.job()
    record = {
        "method": job.method,
        "config": job.config.to_dict(),
        "seed": job.seed,
        "settings": job.settings(),
    }
    check(Result("a", "place", job.query.adata, record), model)


def test_what_is_no_longer_open_or_known_is_omitted(model: PlaceModel) -> None:
    record = {"method": "of another version", "settings": {"query": "gone", "reference": ["gone"]}}
    result = Result("a", "place", AnnData(), record)
    assert choices_of(result)["settings"] == {}
    choice = data_of(result, model.workspace)
    assert choice.cells is None and choice.slide is None and choice.unused is None
    bare = Result("a", "place", AnnData())
    assert "method" not in choices_of(bare) and data_of(bare, model.workspace).cells is None
    assert len(model.workspace.of_role(Role.SLIDE)) == 2
