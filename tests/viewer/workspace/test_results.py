from __future__ import annotations

import anndata
import numpy as np
import pytest
from napari.layers import Points

from napari_spatialrecon.viewer.canvas.layers import NAMES
from napari_spatialrecon.viewer.canvas.table_metadata import table_metadata
from napari_spatialrecon.viewer.workspace.results import Result, Results
from napari_spatialrecon.viewer.workspace.selection import Selection


def test_a_result_takes_the_place_of_the_one_that_its_layer_showed() -> None:
    results, layer, seen = Results(), Points(np.zeros((2, 2))), []
    results.events.connect(lambda info: seen.append(info.signal.name))
    first = results.add(Result("a", "place", anndata.AnnData(), layer=layer))
    again = results.add(Result("a", "place", anndata.AnnData(), layer=layer))
    assert list(results) == [again] and results.of_layer(layer) is again
    assert seen == ["added", "removed", "added"] and results.unsaved == [again]
    results.mark_saved(again, "a.h5ad")
    assert not results.unsaved and first.path is None


def test_a_selection_carries_over_between_layers_of_the_same_cells() -> None:
    cells = anndata.AnnData(np.arange(1.0, 7).reshape(3, 2), obs={"x": 0}, var={"y": 0})
    cells.obs_names = ["c", "a", "b"]
    others = anndata.AnnData(cells.X + 9, obs=cells.obs, var=cells.var)
    one, two, three = (
        Points(
            np.zeros((len(table), 2)),
            features={NAMES: table.obs_names.to_numpy(object)},
            metadata=table_metadata(table, "a", {}),
        )
        for table in (cells, cells[:2].copy(), others)
    )
    selection, seen = Selection(), []
    selection.changed.connect(lambda: seen.append(len(selection)))
    selection.set_rows(one, [0, 2])
    assert list(selection.rows_in(one)) == [0, 2] and list(selection.rows_in(two)) == [0]
    assert not len(selection.rows_in(three)), "other cells of the same names"
    selection.set_rows(one, [0, 2])
    selection.clear()
    assert seen == [2, 0]


def test_the_rows_of_the_layer_that_was_selected_in_are_not_looked_up_again(monkeypatch) -> None:
    names = np.array(["c", "a", "b"], object)
    one = Points(np.zeros((3, 2)), features={NAMES: names})
    selection = Selection()
    selection.set_rows(one, [2, 0, 2])
    monkeypatch.setattr("pandas.Index.isin", lambda *_: pytest.fail("looked up"))
    assert list(selection.rows_in(one)) == [0, 2]
    monkeypatch.undo()
    one.features = {NAMES: names[::-1]}
    assert list(selection.rows_in(one)) == [0, 2] and list(selection.names) == ["c", "b"]
    one.features = {NAMES: np.array(["a", "b", "x"], object)}
    assert list(selection.rows_in(one)) == [1]
