from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from napari.layers import Points

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.canvas.coloring import color_layer
from napari_spatialrecon.viewer.canvas.colors import color_key
from napari_spatialrecon.viewer.canvas.table_metadata import table_of
from napari_spatialrecon.viewer.inspect.selected import (
    also_covered,
    composition_of,
    groups_of,
    keep_as_column,
    listed,
    mark_torn,
    write_csv,
)
from napari_spatialrecon.viewer.workspace.selection import Selection

from .conftest import cells_of

ROWS = np.array([0, 1, 2, 3, 4, 11])


def cells(name: str = "a", prefix: str = "c", **columns: Any) -> Points:
    """Twenty cells in a row, ten of each kind, with one gene apiece."""
    kinds = pd.Categorical(["tumor"] * 10 + ["stroma"] * 10)
    return cells_of(
        np.eye(20, 3),
        np.column_stack([np.arange(20.0), np.zeros(20)]),
        name=name,
        prefix=prefix,
        genes=["A", "B", "C"],
        cell_type=kinds,
        **columns,
    )


def test_a_composition_has_the_colors_of_the_legend() -> None:
    layer = cells()
    color_layer(layer, "cell_type", colors={"tumor": "#FF0000"})
    title, lines = composition_of(layer, ROWS)
    assert title == color_key(layer).title
    assert [(one.name, one.count) for one in lines] == [("tumor", 5), ("stroma", 1)]
    assert lines[0].color == "#FF0000"
    assert lines[0].share == pytest.approx(5 / 6)
    assert lines[0].share_of_rest == pytest.approx(5 / 14)


def test_a_layer_colored_by_a_gene_still_says_its_types() -> None:
    layer = cells()
    color_layer(layer, "A")
    assert composition_of(layer, ROWS)[0] == "cell type"
    bare = Points(np.zeros((4, 2)))
    assert composition_of(bare, np.array([1])) == ("", [])


def test_groups_are_rows_of_the_table_also_where_a_layer_shows_some() -> None:
    layer = cells()
    adata = table_of(layer)
    shown = Points(
        layer.data[5:15],
        features=layer.features.iloc[5:15].reset_index(drop=True),
        metadata=layer.metadata,
    )
    _, selected, rest = groups_of(shown, np.array([0, 1, 2]))
    assert list(adata.obs_names[selected]) == ["c5", "c6", "c7"]
    assert list(adata.obs_names[rest]) == [f"c{i}" for i in range(8, 15)]


def test_nothing_selected_and_no_counts_are_said() -> None:
    with pytest.raises(InputError, match="found none"):
        groups_of(cells(), np.empty(0, int))
    with pytest.raises(InputError, match="counts"):
        groups_of(Points(np.zeros((4, 2))), np.array([1]))


def test_a_column_is_in_table_and_layer_until_it_is_undone() -> None:
    layer = cells()
    kept = keep_as_column(layer, ROWS, " core ")
    adata = table_of(layer)
    assert (adata.obs["core"] == "selected").to_numpy().nonzero()[0].tolist() == ROWS.tolist()
    assert (layer.features["core"] == "selected").sum() == len(ROWS)
    assert "core" in layer.metadata["adata"].obs
    for taken in ("core", "cell_type", "A", " "):
        with pytest.raises(InputError):
            keep_as_column(layer, ROWS, taken)
    kept.undo()
    for held in (adata.obs, layer.features, layer.metadata["adata"].obs):
        assert "core" not in held
    assert "cell_type" in adata.obs


def test_every_selection_marked_as_torn_is_a_further_piece() -> None:
    layer = cells()
    mark_torn(layer, ROWS)
    kept = mark_torn(layer, np.array([7, 8]))
    adata = table_of(layer)
    for column in (adata.obs["torn"], layer.features["torn"]):
        marks = column.astype(str).to_numpy()
        assert set(marks[ROWS]) == {"piece 1"} and set(marks[[7, 8]]) == {"piece 2"}
        assert (marks == "whole").sum() == 20 - len(ROWS) - 2
    kept.undo()
    assert "torn" not in adata.obs and "torn" not in layer.features
    with pytest.raises(InputError, match="Expected selected spots"):
        mark_torn(layer, np.empty(0, int))


def test_a_list_is_written_whole(tmp_path: Path) -> None:
    layer = cells(score=np.arange(20.0))
    write_csv(listed(layer, ROWS), tmp_path / "list.csv")
    found = pd.read_csv(tmp_path / "list.csv", index_col=0)
    assert list(found.columns) == ["x_um", "y_um", "cell_type", "score"]
    assert found.loc["c11"].tolist() == [11.0, 0.0, "stroma", 11.0]
    assert [p.name for p in tmp_path.iterdir()] == ["list.csv"]


def test_a_lasso_over_two_slides_names_the_other() -> None:
    first, placed, other = cells("a"), cells("a placed"), cells("b", prefix="d")
    around = np.array([[-1.0, -1.0], [-1.0, 3.5], [1.0, 3.5], [1.0, -1.0]])
    selection = Selection()
    selection.set_rows(first, [0, 1, 2, 3])
    assert also_covered(first, selection, around, [first, placed, other]) == ["b"]
    other.visible = False
    assert also_covered(first, selection, around, [first, placed, other]) == []
