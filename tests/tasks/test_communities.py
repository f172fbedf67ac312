"""Communities of placed cells."""

from __future__ import annotations

import numpy as np
import pytest
from anndata import AnnData

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tasks.communities import mark_communities


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
