from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.slots import BEFORE
from napari_spatialrecon.viewer.canvas.table_metadata import set_table
from napari_spatialrecon.viewer.results.model import Order, ResultsModel
from napari_spatialrecon.viewer.workspace.results import Result
from napari_spatialrecon.viewer.workspace.workspace import Workspace

from .conftest import METRICS, Placed, add_slide, table


@pytest.fixture
def model(space: Workspace) -> ResultsModel:
    return ResultsModel(space)


def names(model: ResultsModel) -> list[str]:
    return [result.name for result, _ in model.listed()]


def test_the_list_is_sorted_as_asked_and_the_unknown_come_last(
    model: ResultsModel, placed: Placed, tissue: np.ndarray
) -> None:
    placed("b10", tissue, metrics=METRICS | {"held_out_method_um": 300.0}, wall_seconds=9)
    placed("b9", tissue, metrics={}, wall_seconds=5)
    placed("a", tissue, wall_seconds=7)
    assert names(model) == ["a", "b9", "b10"] and model.current.name == "a"
    orders = {Order.ERROR: ["b10", "a", "b9"], Order.NAME: ["a", "b9", "b10"]}
    for order, expected in {**orders, Order.TIME: ["b9", "a", "b10"]}.items():
        model.set_order(order)
        assert names(model) == expected


def test_two_ticked_results_are_compared(
    model: ResultsModel, placed: Placed, tissue: np.ndarray
) -> None:
    one, two, three = (placed(name, tissue + d) for name, d in [("a", 0), ("b", 30), ("c", 0)])
    model.tick(one)
    with pytest.raises(InputError, match="two ticked results, found 1"):
        model.compare()
    model.tick(two)
    assert model.compare().median == pytest.approx(30 * 2**0.5)
    model.tick(three)
    assert model.pair is None
    model.tick(three, False)
    model.space.results.remove(two)
    assert model.pair is None and model.is_ticked(one)


def test_a_slide_with_the_true_places_is_offered_and_comes_first(
    viewer: ViewerModel, model: ResultsModel, placed: Placed, tissue: np.ndarray
) -> None:
    slide = add_slide(viewer, "C5", tissue)
    add_slide(viewer, "C2", tissue[:70])
    add_slide(viewer, "C3", tissue, "other ")
    assert model.slides() == []
    result = placed("C5 · GEARS", tissue + 30)
    (truth,) = model.slides()
    assert truth.name == "C5 · measured" and truth.layer is slide
    model.tick(result)
    model.tick(truth.about)
    assert [side.name for side in model.pair] == ["C5 · measured", "C5 · GEARS"]
    assert model.compare().median == pytest.approx(30 * 2**0.5)
    viewer.layers.remove(slide)
    assert model.pair is None and model.slides() == []


def test_the_record_tells_which_slide_was_placed(
    viewer: ViewerModel, model: ResultsModel, placed: Placed, tissue: np.ndarray
) -> None:
    add_slide(viewer, "C5", tissue[:100])
    placed("a", tissue, settings={"query": "C5 spots"})
    assert [side.name for side in model.slides()] == ["C5 · measured"]


def test_a_slide_whose_spots_have_the_same_names_is_not_the_truth(
    viewer: ViewerModel, model: ResultsModel, placed: Placed, tissue: np.ndarray
) -> None:
    layer = add_slide(viewer, "C2", tissue)
    other = table(tissue + 5)
    other.X = other.X[::-1]
    set_table(layer, other)
    entry = model.space.named("C2 spots")
    assert entry is not None
    entry.adata = other
    result = placed("a", tissue, settings={"query": "C2 spots"})
    assert model.slides() == []
    entry.path = Path("C2.h5ad")
    result.record["settings"]["query"] = "C2.h5ad"
    assert [side.name for side in model.slides()] == ["C2 · measured"]


@pytest.mark.parametrize(
    ("onto", "image", "moved", "said"),
    [
        ("C5.h5ad", True, 50.0, ""),
        (None, False, 50.0, "placed on another slide than its own"),
        (None, True, 0.0, "is in another frame"),
    ],
)
def test_measured_places_are_compared_in_their_own_frame_or_it_is_said(
    model: ResultsModel,
    placed: Placed,
    tissue: np.ndarray,
    onto: str | None,
    image: bool,
    moved: float,
    said: str,
) -> None:
    result = placed("a", tissue + np.array([30, 40]), settings={"query": "C5.h5ad", "onto": onto})
    result.adata.obsm[BEFORE] = tissue
    if image:
        result.adata.uns["spatial"] = {"C3": {}}
    (truth,) = model.slides()
    model.tick(truth)
    model.tick(result)
    found = model.compare()
    assert found.median == pytest.approx(moved, abs=1e-6)
    assert said in " ".join(found.notes) and bool(found.notes) == bool(said)


def test_what_cannot_be_compared_says_what_can(
    model: ResultsModel, placed: Placed, tissue: np.ndarray
) -> None:
    one = placed("a", tissue)
    genes = model.space.results.add(Result("g", "impute-genes", table(tissue)))
    model.tick(one)
    model.tick(genes)
    with pytest.raises(InputError, match="placed cells and imputed genes"):
        model.compare()


def test_the_result_whose_layer_is_selected_is_the_chosen_one(
    viewer: ViewerModel, model: ResultsModel, placed: Placed, tissue: np.ndarray
) -> None:
    one, two = placed("a", tissue), placed("b", tissue)
    assert model.current is two
    viewer.layers.selection = {one.layer}
    assert model.current is one
    kept = model.state()
    viewer.layers.selection = {two.layer}
    model.restore(kept)
    assert model.current is one
    model.close()
    viewer.layers.selection = {one.layer}
    viewer.layers.selection = {two.layer}
    assert model.current is one


def test_ticks_and_order_are_kept_as_far_as_the_results_exist(
    model: ResultsModel, placed: Placed, tissue: np.ndarray
) -> None:
    one, two = placed("a", tissue), placed("b", tissue)
    model.tick(one)
    model.tick(two)
    model.set_order(Order.NAME)
    kept = model.state()
    again = ResultsModel(model.space)
    again.restore(kept)
    assert again.pair is not None and again.order is Order.NAME
    model.space.results.remove(two)
    again.restore({**kept, "order": "of an older version"})
    assert [side.name for side in again.ticked] == ["a"]
