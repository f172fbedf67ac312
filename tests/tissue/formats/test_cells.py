"""What the readers of cells with places share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.formats.cells import finished, placed, turn_y
from napari_spatialrecon.tissue.formats.csv_counts import counts_table
from napari_spatialrecon.tissue.read import read_adata

NAMES = ["a", "b", "c", "d"]


def counts():
    return counts_table(sparse.csr_matrix(np.eye(4, dtype=np.float32)), NAMES, list("ABCD"))


def places(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"x": [1.0, 2, 3, 4], "y": [4.0, 3, 2, 1], **columns}, NAMES)


def test_columns_of_cells_are_kept_and_can_be_saved(tmp_path) -> None:
    table = places(type=["T", None, "B", "T"], area=[1.5, np.nan, 2, 3], name=list("wxyz"))
    before = table.copy()
    adata = finished(placed(counts(), table, ("x", "y"), notes=[], where="w"), "um", ["a note"])
    adata.write_h5ad(tmp_path / "t.h5ad")
    again = read_adata(tmp_path / "t.h5ad")
    assert again.obs["type"].isna().tolist() == [False, True, False, False]
    assert again.obs["type"].iloc[[0, 2, 3]].tolist() == ["T", "B", "T"]
    np.testing.assert_array_equal(again.obs["area"], [1.5, np.nan, 2, 3])
    assert again.obs["name"].tolist() == list("wxyz")
    assert list(again.uns["spatialrecon"]["notes"]) == ["a note"]
    pd.testing.assert_frame_equal(table, before)


def test_a_row_without_a_number_has_no_place() -> None:
    notes: list[str] = []
    table = places()
    table["x"] = ["1", "far", None, "4"]
    adata = placed(counts(), table, ("x", "y"), notes=notes, where="w")
    assert list(adata.obs_names) == ["a", "d"] and "2 of 4 cells have no position" in notes[0]


def test_two_places_of_a_cell_are_refused() -> None:
    table = pd.concat([places(), places()])
    with pytest.raises(InputError, match="several for 4 cells, first 'a'"):
        placed(counts(), table, ("x", "y"), notes=[], where="w")


def test_y_that_is_turned_twice_is_as_before() -> None:
    xy = np.random.default_rng(0).normal(size=(9, 2))
    notes: list[str] = []
    once = turn_y(xy, stated="up", asked=None, notes=notes)
    assert not np.allclose(once, xy) and len(notes) == 1
    np.testing.assert_allclose(turn_y(once, stated="up", asked=None, notes=notes), xy)
    assert turn_y(xy, stated="up", asked="down", notes=[]) is xy
