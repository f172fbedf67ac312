from __future__ import annotations

import json
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from napari.layers import Layer, Points

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.slots import UNCERTAINTY
from napari_spatialrecon.viewer.canvas.bar_title import bar_title
from napari_spatialrecon.viewer.canvas.coloring import (
    color_layer,
    coloring_of,
    diameter,
    look_of,
    restore_look,
    set_diameter,
)
from napari_spatialrecon.viewer.canvas.colors import color_key, is_faded, repaint
from napari_spatialrecon.viewer.canvas.hidden import hide_entries
from napari_spatialrecon.viewer.canvas.layer_values import layer_names, layer_values, type_column
from napari_spatialrecon.viewer.canvas.layers import cells_layer
from napari_spatialrecon.viewer.canvas.limits import histogram, limits_at
from napari_spatialrecon.viewer.canvas.rims import has_rims, set_rims
from napari_spatialrecon.viewer.canvas.shapes import has_shapes, set_shapes
from napari_spatialrecon.viewer.workspace.table_layers import table_layers
from napari_spatialrecon.viewer.workspace.workspace import Workspace


def table(n: int = 40, **columns: Any) -> anndata.AnnData:
    rng = np.random.default_rng(0)
    adata = anndata.AnnData(
        rng.poisson(3.0, (n, 3)).astype(np.float32),
        obs=pd.DataFrame(columns, index=[f"c{i}" for i in range(n)]),
        var=pd.DataFrame(index=["ERBB2", "ERBB3", "ACTB"]),
    )
    adata.obsm["spatial"] = rng.uniform(0, 1000, (n, 2))
    adata.uns["spatialrecon"] = {"unit": "um"}
    return adata


def cells(adata: anndata.AnnData) -> Points:
    layer = Layer.create(*cells_layer(adata, name="cells"))
    assert isinstance(layer, Points)
    return layer


def test_a_gene_is_limited_by_percentiles_and_titled_with_its_unit() -> None:
    layer = cells(table())
    key = color_layer(layer, "ERBB2")
    values = np.asarray(layer_values(layer, "ERBB2").values)
    assert key.limits == limits_at(values) != (values.min(), values.max())
    assert bar_title(layer) == "ERBB2, log counts"
    assert color_layer(layer, "ERBB2", log=False).title == "ERBB2, counts"
    assert color_layer(layer, "ERBB2", limits=(0.0, 9.0)).limits == (0.0, 9.0)


def test_two_results_have_two_titles_and_categories_have_none() -> None:
    first, second = cells(table(score=np.arange(40.0))), cells(table(kind=list("ab") * 20))
    color_layer(first, "score")
    color_layer(second, "ERBB3")
    assert (bar_title(first), bar_title(second)) == ("score", "ERBB3, log counts")
    color_layer(second, "kind")
    assert bar_title(second) is None and not second.face_colorbar.visible


def test_points_of_anyone_are_colored_by_their_features() -> None:
    layer = Points(
        np.zeros((4, 2)), features={"mine": [1.0, 2.0, np.nan, 4.0], "kind": list("abab")}
    )
    assert layer_names(layer) == (["mine", "kind"], [])
    assert color_layer(layer, "mine").missing == 1
    assert color_layer(layer, "kind").kind == "category"
    with pytest.raises(InputError, match="a gene"):
        color_layer(layer, "ERBB2")


def test_deleted_points_keep_the_values_of_the_others() -> None:
    layer = cells(table(score=np.arange(40.0)))
    layer.selected_data = {0, 5}
    layer.remove_selected()
    assert np.asarray(layer_values(layer, "score").values)[:5].tolist() == [1, 2, 3, 4, 6]


def test_values_that_are_not_counts_are_taken_as_they_are() -> None:
    adata = table()
    adata.X = adata.X - 0.5
    found = layer_values(cells(adata), "ERBB2")
    assert found.title == "ERBB2, as in the table"
    np.testing.assert_allclose(np.asarray(found.values), adata.X[:, 0])


def test_of_five_thousand_names_the_most_frequent_are_colored_and_it_says_so() -> None:
    names = np.array([f"n{i}" for i in range(5_000)])
    kind = np.concatenate([names, np.repeat(names[:300], 2)])
    layer = Points(np.zeros((len(kind), 2)), features={"kind": kind})
    found = layer_values(layer, "kind")
    assert "5,000 names" in found.note and "300" in found.note
    key = color_layer(layer, "kind")
    assert len(key.entries) == 301 and key.entries[-1].name == "4,700 others"
    assert key.entries[-1].count == 4_700
    assert {entry.name for entry in key.entries[:300]} == set(names[:300])


def test_a_column_without_values_says_so() -> None:
    layer = Points(np.zeros((4, 2)), features={"score": np.full(4, np.nan)})
    assert layer_values(layer, "score").note == "score: all values are missing."
    assert color_layer(layer, "score").missing == 4


@pytest.mark.parametrize(
    ("values", "limits"),
    [
        (np.r_[np.zeros(995), 1.0, 2.0, 3.0, 4.0, 5.0], (0.0, 4.96)),
        (np.arange(101.0) + 1, (2.0, 100.0)),
        (np.zeros(5), (0.0, 1.0)),
        (np.full(3, np.nan), (0.0, 1.0)),
        (np.full(3, 7.0), (7.0, 8.0)),
    ],
)
def test_limits_are_sensible_with_zeros_and_without_values(values: np.ndarray, limits: Any) -> None:
    np.testing.assert_allclose(limits_at(values), limits)


def test_the_histogram_does_not_drown_in_zeros() -> None:
    counts, edges, zeros = histogram(np.r_[np.zeros(900), np.linspace(1, 2, 100)])
    assert counts.sum() == 100 and zeros == pytest.approx(0.9) and edges[-1] == 2


def test_a_look_is_json_and_comes_back(viewer: ViewerModel) -> None:
    adata = table(kind=pd.Categorical(list("abcd") * 10))
    adata.obs[UNCERTAINTY] = np.arange(40.0)
    layer = cells(adata)
    key = color_layer(layer, "kind")
    repaint(layer, key.with_color(1, "#102030"))
    hide_entries(layer, {2})
    set_diameter(layer, 25.0)
    set_rims(layer, np.ones(3))
    look = json.loads(json.dumps(look_of(layer)))
    other = cells(adata)
    restore_look(viewer, other, look)
    np.testing.assert_allclose(other.face_color, layer.face_color, atol=0.003)
    assert other.shown.tolist() == layer.shown.tolist() and not other.shown.all()
    assert diameter(other) == pytest.approx(25.0) and has_rims(other) and not is_faded(other)
    assert look_of(other)["color"]["colors"] == look["color"]["colors"]
    restore_look(viewer, other, {**look, "color": {**look["color"], "name": "gone"}})


def test_a_coloring_is_forgotten_when_someone_else_paints() -> None:
    layer = cells(table())
    color_layer(layer, "ERBB2")
    assert coloring_of(layer) is not None
    layer.face_color = "red"
    assert coloring_of(layer) is None


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"leiden": list("ab") * 20, "cell_type": list("cd") * 20}, "cell_type"),
        ({"Cell_class": list("ab") * 20}, "Cell_class"),
        ({"celltype": ["one"] * 40}, None),
        ({"cell_type_score": np.arange(40.0)}, None),
        ({"section": list("ab") * 20}, None),
    ],
)
def test_the_column_of_cell_types_is_found_by_its_name(columns: dict, found: str | None) -> None:
    assert type_column(cells(table(**columns))) == found


def test_an_annotated_slide_opens_in_the_colors_of_its_types(viewer: ViewerModel) -> None:
    Workspace(viewer)
    adata = table(celltype=pd.Categorical(list("ab") * 20))
    for data in table_layers(adata, "mpoa"):
        viewer.add_layer(Layer.create(*data))
    key = color_key(viewer.layers[0])
    assert key is not None and key.title == "celltype" and len(key.entries) == 2
    for data in table_layers(table(), "plain"):
        viewer.add_layer(Layer.create(*data))
    assert color_key(viewer.layers[1]) is None


def test_categories_have_shapes_that_follow_the_colors() -> None:
    layer = cells(table(kind=list("abcd") * 10, score=np.arange(40.0)))
    color_layer(layer, "kind")
    set_shapes(layer, True)
    shapes = [str(symbol) for symbol in layer.symbol[:4]]
    assert has_shapes(layer) and shapes == ["disc", "square", "triangle_up", "diamond"]
    color_layer(layer, "score")
    assert {str(symbol) for symbol in layer.symbol} == {"disc"} and not has_shapes(layer)


def test_of_many_categories_shape_and_color_together_are_unique() -> None:
    layer = Points(np.zeros((44, 2)), features={"kind": [f"type {i}" for i in range(44)]})
    color_layer(layer, "kind")
    set_shapes(layer, True)
    assert {str(symbol) for symbol in layer.symbol[:20]} == {"disc"}
    assert {str(symbol) for symbol in layer.symbol[20:40]} == {"square"}
