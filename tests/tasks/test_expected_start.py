from __future__ import annotations

import numpy as np
import pytest

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tasks.expected_start import align_by_expression, has_expected
from napari_spatialrecon.tissue import contract

MIRRORED = np.array([[0.0, -1.0], [-1.0, 0.0]])


@pytest.fixture
def placed(tiny):
    """The simulated cells in their true layout, but turned over and elsewhere; and the truth."""
    true = tiny.truth.loc[tiny.cells.obs_names, ["x", "y"]].to_numpy(float)
    cells = tiny.cells.copy()
    cells.obsm["X_layout"] = (true - true.mean(axis=0)) @ MIRRORED
    cells.obsm["spatial"] = cells.obsm["X_layout"] + 5000.0
    unit, um = contract.unit(tiny.slides[0]), contract.um_per_unit(tiny.slides[0])
    cells.uns["spatialrecon"] = {"unit": unit, "um_per_unit": um}
    return cells, true


@pytest.mark.parametrize("size_known", [True, False])
def test_placed_cells_are_laid_where_expression_expects_them(tiny, placed, size_known) -> None:
    cells, true = placed
    if not size_known:
        cells.uns["spatialrecon"] = {"unit": "unit"}
    result = align_by_expression(cells, tiny.slides[0])
    apart = np.linalg.norm(result.adata.obsm["spatial"] - true, axis=1)
    radius = np.sqrt(true.var(axis=0).sum())
    assert np.median(apart) < 0.25 * radius and result.transform.reflected
    assert "positions predicted by expression" in result.notes[0] and "weak" not in result.notes[0]


def test_cells_without_anything_in_common_with_the_slide_are_refused_or_said(tiny, placed) -> None:
    cells, _ = placed
    shuffled = cells.copy()
    shuffled.X = cells.X[np.random.default_rng(0).permutation(cells.n_obs)]
    assert "This agreement is weak" in align_by_expression(shuffled, tiny.slides[0]).notes[0]
    other = cells.copy()
    other.var_names = [f"other{i}" for i in range(cells.n_vars)]
    assert has_expected(cells, tiny.slides[0]) and not has_expected(other, tiny.slides[0])
    with pytest.raises(InputError, match="genes"):
        align_by_expression(other, tiny.slides[0])


def test_slides_and_tables_without_layout_have_no_expected_places(tiny) -> None:
    assert not has_expected(tiny.slides[0], tiny.slides[1])
    assert not has_expected(None, tiny.slides[0]) and not has_expected(tiny.cells, None)
