from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.slots import OURS, UNCERTAINTY
from napari_spatialrecon.viewer.canvas.coloring import color_layer
from napari_spatialrecon.viewer.canvas.colors import color_key
from napari_spatialrecon.viewer.canvas.layers import to_adata
from napari_spatialrecon.viewer.canvas.point_values import names
from napari_spatialrecon.viewer.canvas.tiles import tile_of
from napari_spatialrecon.viewer.place.model import PlaceModel
from napari_spatialrecon.viewer.task.job import Outcome
from napari_spatialrecon.viewer.task.result_layers import set_locked, show_result
from napari_spatialrecon.viewer.workspace.workspace import Role, workspace_of

NAME = "cortex cells · kNN"


@pytest.fixture
def outcome(viewer: ViewerModel, open_tissue: Any) -> Outcome:
    model = PlaceModel(open_tissue(viewer))
    model.method = "knn"
    return model.job()(lambda _: None, lambda: False)


def test_the_result_lies_on_its_histology_and_carries_its_record(
    viewer: ViewerModel, outcome: Outcome
) -> None:
    workspace_of(viewer).tiling.on = False
    image = viewer.layers["cortex 1 H&E"]
    layer = show_result(viewer, outcome, NAME, image=image)
    scale = outcome.adata.uns[OURS]["um_per_unit"] if OURS in outcome.adata.uns else 1.0
    np.testing.assert_allclose(layer.data[:, ::-1], outcome.adata.obsm["spatial"] * scale)
    assert [other.name for other in viewer.layers if other.visible] == ["cortex 1 H&E", NAME]
    assert layer.metadata[OURS]["provenance"]["method"] == "knn"
    assert len(layer.metadata[OURS]["pose"]["linear"]) == 2
    assert color_key(layer).kind == "uncertainty" and "µm" in color_key(layer).title
    assert viewer.layers.selection.active is layer


def test_the_result_lies_on_the_tile_of_its_slide_and_leaves_others_visible(
    viewer: ViewerModel, outcome: Outcome
) -> None:
    image = viewer.layers["cortex 2 H&E"]
    workspace_of(viewer).tiling.place([image])
    layer = show_result(viewer, outcome, NAME, image=image)
    assert tile_of(layer) == tile_of(image) and viewer.layers["cortex 1 H&E"].visible
    np.testing.assert_allclose(layer.affine.affine_matrix, image.affine.affine_matrix)
    spots = viewer.layers["cortex 1 spots"]
    bare = show_result(viewer, outcome, "bare", frame=spots)
    assert tile_of(bare) == tile_of(spots) != tile_of(layer)


def test_a_rerun_replaces_its_layer_in_its_place_unless_locked(
    viewer: ViewerModel, outcome: Outcome
) -> None:
    first = show_result(viewer, outcome, NAME)
    first.opacity = 0.4
    viewer.add_points(np.zeros((1, 2)), name="mine")
    elsewhere = outcome.adata.copy()
    elsewhere.obsm["spatial"] = elsewhere.obsm["spatial"] + 10.0
    second = show_result(viewer, Outcome(elsewhere, {"seed": 1}), NAME)
    assert second is first and second.metadata[OURS]["provenance"] == {"seed": 1}
    np.testing.assert_array_equal(
        to_adata(second).obsm["spatial"].round(3), elsewhere.obsm["spatial"].round(3)
    )
    fewer = show_result(viewer, Outcome(elsewhere[:100].copy(), {}), NAME)
    assert first not in viewer.layers and fewer.opacity == 0.4 and len(fewer.data) == 100
    assert [layer.name for layer in viewer.layers][-2:] == [NAME, "mine"]
    set_locked(fewer, True)
    beside = show_result(viewer, outcome, NAME)
    assert fewer in viewer.layers and beside.name != fewer.name


def test_points_follow_a_histology_that_was_moved(viewer: ViewerModel, outcome: Outcome) -> None:
    workspace_of(viewer).tiling.on = False
    image = viewer.layers["cortex 1 H&E"]
    still = show_result(viewer, outcome, NAME, image=image)
    before = np.array([still._data_to_world(p) for p in still.data[:5]])
    image.translate, image.rotate = (100.0, -30.0), 90
    moved = show_result(viewer, outcome, NAME, image=image)
    after = np.array([moved._data_to_world(p) for p in moved.data[:5]])
    turned = np.column_stack([-before[:, 1] + 100.0, before[:, 0] - 30.0])
    np.testing.assert_allclose(after, turned, atol=1e-6)


def test_a_result_is_colored_by_what_it_holds(viewer: ViewerModel, outcome: Outcome) -> None:
    layer = show_result(viewer, outcome, NAME)
    columns, genes = names(outcome.adata)
    assert columns[0] == UNCERTAINTY and "cell_type" in columns and len(genes) > 10
    color_layer(layer, "cell_type")
    assert color_key(layer).kind == "category"
    color_layer(layer, genes[0])
    assert color_key(layer).kind == "gene"
    with pytest.raises(InputError, match="a gene"):
        color_layer(layer, "no such gene")
    assert color_key(layer).title.startswith(genes[0])


def test_slides_are_hidden_when_a_result_is_shown_also_without_an_image(
    viewer: ViewerModel, outcome: Outcome
) -> None:
    mine = viewer.add_points(np.zeros((3, 2)), name="cells of another program")
    slides = [entry.layer for entry in workspace_of(viewer).of_role(Role.SLIDE)]
    for layer in slides:
        layer.visible = True
    layer = show_result(viewer, outcome, NAME)
    assert layer.visible and mine.visible and not any(other.visible for other in slides)
