"""Split counts beside counts measured at the resolution of the parts."""

from __future__ import annotations

import numpy as np
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix

from napari_spatialrecon.evaluation.super_metrics import evaluate_super

SPOTS, GENES = 6, 5


@pytest.fixture(scope="module")
def fine():
    """A square of 12 x 12 bins, whose last row of bins holds no counts."""
    side = 2 * SPOTS
    y, x = (place.ravel() for place in np.mgrid[:side, :side])
    rate = 1.0 + 4.0 * (np.arange(GENES) + x[:, None] > 7)
    counts = np.random.default_rng(0).poisson(rate).astype(np.float32)
    counts[y == side - 1] = 0
    bins = AnnData(csr_matrix(counts), obsm={"spatial": np.c_[x, y] + 0.5})
    bins.obs["parent"] = [f"spot {i}-{j}" for i, j in zip(y // 2, x // 2, strict=True)]
    return bins


def even(fine):
    """Every spot split evenly over its four parts."""
    parents = fine.obs["parent"]
    split = fine.to_df().groupby(parents).transform("mean")
    return AnnData(csr_matrix(split.to_numpy()), obs=fine.obs.copy(), obsm=fine.obsm.copy())


def test_the_truth_itself_is_perfect_and_an_even_split_is_not(fine):
    perfect, blurred = evaluate_super(fine, fine), evaluate_super(fine, even(fine))
    for name in ("pcc_gene", "spearman_gene", "spearman_flat"):
        assert perfect[name] == pytest.approx(1) and 0 < blurred[name] < 0.9
    assert perfect["fd"] == perfect["fd_entry"] == 0


def test_an_edge_without_bins_costs_no_conservation(fine):
    """Tissue ends within the last spots: their lower parts have no bin in the truth."""
    measured = fine[np.asarray(fine.X.sum(axis=1)).ravel() > 0].copy()
    found = evaluate_super(measured, even(fine))
    assert found["sub_spots"] == measured.n_obs < fine.n_obs
    assert found["fd"] == pytest.approx(0, abs=1e-6)
    assert found["fd_entry"] == pytest.approx(0, abs=1e-6)


def test_counts_that_are_invented_or_lost_are_a_deviation(fine):
    half = even(fine)
    half.X = half.X * 0.5
    assert evaluate_super(fine, half)["fd"] == pytest.approx(0.5)


def test_shuffled_parts_say_nothing(fine):
    shuffled = fine.copy()
    shuffled.X = fine.X[np.random.default_rng(1).permutation(fine.n_obs)]
    assert abs(evaluate_super(fine, shuffled)["pcc_gene"]) < 0.2
