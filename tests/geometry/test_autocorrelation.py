from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry import autocorrelation
from napari_spatialrecon.geometry.autocorrelation import gearys_c, morans_i
from napari_spatialrecon.geometry.neighbours import neighbour_graph

RNG = np.random.default_rng(0)
POINTS = RNG.uniform(size=(400, 2))
VALUES = np.column_stack(
    [POINTS[:, 0], RNG.normal(size=400), np.full(400, 0.1), POINTS[:, 1] > 0.5]
)


def test_a_gradient_is_patterned_noise_is_not_and_a_constant_is_neutral() -> None:
    moran, geary = morans_i(VALUES, POINTS), gearys_c(VALUES, POINTS)
    assert moran[0] > 0.9 and geary[0] < 0.1
    assert abs(moran[1]) < 0.15 and abs(geary[1] - 1) < 0.15
    assert moran[2] == 0 and geary[2] == 1


def test_both_follow_their_definitions() -> None:
    weights = neighbour_graph(POINTS, 5).toarray()
    x = VALUES[:, 1]
    z, n, total = x - x.mean(), len(x), weights.sum()
    moran = n / total * (z @ weights @ z) / (z @ z)
    geary = (n - 1) / (2 * total) * (weights * (x[:, None] - x) ** 2).sum() / (z @ z)
    assert morans_i(VALUES, POINTS, k=5)[1] == pytest.approx(moran)
    assert gearys_c(VALUES, POINTS, k=5)[1] == pytest.approx(geary)


def test_sparse_values_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    dense = morans_i(VALUES, POINTS), gearys_c(VALUES, POINTS)
    monkeypatch.setattr(autocorrelation, "_BLOCK_VALUES", 800)
    sparse = csr_matrix(VALUES)
    np.testing.assert_allclose(morans_i(sparse, POINTS), dense[0], atol=1e-12)
    np.testing.assert_allclose(gearys_c(sparse, POINTS), dense[1], atol=1e-12)


def test_shift_and_scale_of_a_gene_change_nothing() -> None:
    np.testing.assert_allclose(
        morans_i(VALUES * 7 + 100, POINTS), morans_i(VALUES, POINTS), atol=1e-9
    )


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="at least 2 points"):
        morans_i(VALUES[:-1], POINTS)
    broken = VALUES.copy()
    broken[0, 0] = np.nan
    with pytest.raises(InputError, match="finite"):
        gearys_c(broken, POINTS)
