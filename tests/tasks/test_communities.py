"""Communities of placed cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tasks.communities import community_types, mark_communities


def test_communities_are_a_column_of_a_copy() -> None:
    rng = np.random.default_rng(0)
    own = np.repeat([0, 1], [50, 30])
    cells = AnnData(np.zeros((80, 1)))
    cells.obsm["X_geometry"] = 9.0 * own[:, None] + rng.normal(scale=0.3, size=(80, 2))
    cells.obsm["spatial"] = np.zeros((80, 2))
    marked = mark_communities(cells, resolution=0.1)
    assert list(marked.obs["community"]) == ["1"] * 50 + ["2"] * 30
    assert "community" not in cells.obs


def test_cells_without_places_are_refused() -> None:
    with pytest.raises(InputError, match="found no positions"):
        mark_communities(AnnData(np.zeros((5, 1))))


def test_main_type_and_purity_of_communities() -> None:
    communities = pd.Series(["1", "1", "1", "1", "2", "2", "3"])
    types = pd.Series(["T", "T", "B", None, "B", "B", None])
    table = community_types(communities, types)
    assert table.index.tolist() == ["1", "2", "3"] and table.cells.tolist() == [4, 2, 1]
    assert table.main_type.tolist() == ["T", "B", ""]
    assert table.purity.tolist()[:2] == pytest.approx([2 / 3, 1.0])
    assert table.expected.tolist()[:2] == pytest.approx([2 / 5, 3 / 5])
    assert np.isnan(table.purity.iloc[2])


def test_communities_without_types_have_no_purity() -> None:
    table = community_types(pd.Series(["1", "2"]), pd.Series([None, None]))
    assert table.purity.isna().all() and table.main_type.tolist() == ["", ""]
