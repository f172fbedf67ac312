"""Whether expression on a slide is arranged in space."""

from __future__ import annotations

from dataclasses import replace

import anndata as ad
import numpy as np
import pytest
from scipy import sparse

from napari_spatialrecon.tissue.contract import prepare_slide
from napari_spatialrecon.tissue.spatial_signal import spatial_signal

SPOTS, GENES = 300, 40


def _slide(rates, points):
    rng = np.random.default_rng(0)
    counts = sparse.csr_matrix(rng.poisson(rates).astype(np.float32))
    return prepare_slide(ad.AnnData(counts, obsm={"spatial": points}), "slide", counts_needed=False)


@pytest.fixture(scope="module")
def graded():
    """A slide on which 15 genes rise from left to right, 15 fall and 10 do neither."""
    points = np.random.default_rng(1).uniform(0, 1000, (SPOTS, 2))
    rates = np.full((SPOTS, GENES), 5.0)
    rates[:, :15] *= 0.2 + 1.6 * points[:, :1] / 1000
    rates[:, 15:30] *= 1.8 - 1.6 * points[:, :1] / 1000
    return _slide(rates, points)


def _shuffled(slide, seed):
    table = slide.adata.copy()
    table.obsm["spatial"] = np.random.default_rng(seed).permutation(table.obsm["spatial"])
    return replace(slide, adata=table)


def test_a_gradient_is_found_and_its_genes_are_counted(graded):
    found = spatial_signal(graded)
    assert found.exists and not found.is_missing
    assert 29 <= found.patterned <= 33
    assert found.moran > 3 * found.moran_shuffled


def test_expression_differs_more_the_further_apart_spots_lie(graded):
    found = spatial_signal(graded)
    assert found.mantel > 0.1 and found.mantel_p_value == 0.01
    assert (np.diff(found.distances) > 0).all()
    assert found.differences[0] < 0.97 and found.differences[-1] > 1.1


def test_shuffled_spots_have_no_signal_and_it_is_said(graded):
    found = [spatial_signal(_shuffled(graded, seed)) for seed in range(5)]
    assert [signal.is_missing for signal in found] == [True] * 5
    assert all(signal.patterned <= 1 for signal in found)
    assert all("no pattern in space" in signal.text for signal in found)
    assert all(signal.drawn == (0.9, 1.1) for signal in found)  # where it looks flat


def test_chance_is_called_a_signal_as_rarely_as_promised():
    rng = np.random.default_rng(3)
    found = [
        spatial_signal(_slide(np.full((60, 8), 3.0), rng.uniform(size=(60, 2))), seed).exists
        for seed in range(40)
    ]
    assert sum(found) <= 3  # one in a hundred is expected


def test_the_same_seed_gives_the_same_figures(graded):
    assert spatial_signal(graded, 4).record() == spatial_signal(graded, 4).record()


def test_constant_genes_are_no_signal():
    points = np.random.default_rng(0).uniform(size=(80, 2))
    table = ad.AnnData(np.ones((80, 5), np.float32), obsm={"spatial": points})
    found = spatial_signal(prepare_slide(table, "slide"))
    assert found.is_missing and found.patterned == 0


def test_with_few_spots_nothing_is_claimed():
    points = np.random.default_rng(0).uniform(size=(20, 2))
    found = spatial_signal(_slide(np.full((20, 5), 2.0), points))
    assert not found.is_missing


def test_a_large_slide_is_sampled():
    points = np.random.default_rng(0).uniform(size=(5000, 2))
    found = spatial_signal(_slide(np.full((5000, 3), 2.0), points))
    assert found.spots == 2000


@pytest.mark.realdata
@pytest.mark.parametrize(
    "name",
    ["st_her2_he/C2", "st_mob_he/MOB1", "starmap_mpfc/section_BZ5", "st_breast_paste/slice1"],
)
def test_real_tissue_has_a_signal_and_its_shuffle_has_none(realdata, name):
    slide = prepare_slide(ad.read_h5ad(realdata / f"{name}.h5ad"), name)
    assert spatial_signal(slide).exists
    assert spatial_signal(_shuffled(slide, 0)).is_missing
