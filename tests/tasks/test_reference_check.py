"""Whether a reference is like its slide: said before a run and after it."""

from __future__ import annotations

import numpy as np
import pytest
from anndata import AnnData

from napari_spatialrecon.methods.mixtures.base import read_types
from napari_spatialrecon.tasks.deconvolving import deconvolve
from napari_spatialrecon.tasks.gene_preflight import gene_preflight
from napari_spatialrecon.tasks.imputing import impute_genes
from napari_spatialrecon.tasks.mixture_preflight import mixture_preflight
from napari_spatialrecon.tasks.reference_check import label_warning, likeness
from napari_spatialrecon.tissue.contract import prepare_query, prepare_slide

UNLIKE, LABELS = "Genes vary together in reference unlike", "as shuffled labels do"


@pytest.fixture(scope="module")
def tissue():
    """A slide of 100 spots of four types in columns, and cells with two genes more."""
    rng = np.random.default_rng(0)
    profiles = rng.dirichlet(np.full(42, 0.4), 4) * 400
    codes = np.repeat(np.arange(4), 40)
    cells = AnnData(rng.poisson(profiles[codes]).astype(np.float32))
    cells.obs["type"] = np.array(["A", "B", "C", "D"])[codes]
    inside = np.stack([rng.multinomial(5, np.eye(4)[x // 3 % 4] * 0.6 + 0.1) for x in range(100)])
    slide = AnnData(rng.poisson(inside @ profiles[:, :40]).astype(np.float32))
    slide.obsm["spatial"] = np.c_[np.arange(100) % 10, np.arange(100) // 10].astype(float)
    cells.var_names = [f"Gene{i}" for i in range(42)]
    slide.var_names = cells.var_names[:40]
    return slide, cells


@pytest.fixture(scope="module")
def mixed_up(tissue):
    """The cells with the names of their genes shuffled."""
    cells = tissue[1].copy()
    order = np.r_[np.random.default_rng(1).permutation(40), 40, 41]
    cells.X = cells.X[:, order]
    return cells


def test_a_reference_of_the_tissue_is_like_it_and_one_with_shuffled_genes_is_not(tissue, mixed_up):
    slide = prepare_slide(tissue[0], "slide")
    own = likeness(slide, prepare_query(tissue[1], "cells"))
    other = likeness(slide, prepare_query(mixed_up, "cells"))
    assert 0.7 < own.value < 1.3 and not own.is_little
    assert 0.005 < own.noise < 0.3
    assert abs(other.value) < 0.3 and other.is_none
    assert own.passed("slide", "cells") and not other.passed("slide", "cells")


def test_few_genes_tell_nothing_and_nothing_is_said(tissue):
    slide, cells = tissue
    found = likeness(prepare_slide(slide[:, :6].copy(), "s"), prepare_query(cells, "c"))
    assert np.isnan(found.value)
    assert not found.warning("s", "c") and not found.passed("s", "c")


def test_shuffled_labels_are_told_from_those_of_the_cells(tissue):
    cells = tissue[1].copy()
    cells.obs["other"] = np.random.default_rng(0).permutation(cells.obs["type"])
    table = prepare_query(cells, "cells")
    assert not label_warning(table, read_types(cells, "type", "c"), "type")
    assert LABELS in label_warning(table, read_types(cells, "other", "c"), "other")[0]


def test_a_mixed_up_reference_is_warned_of_before_and_after_deconvolving(tissue, mixed_up):
    slide, cells = tissue
    for table, there in ((cells, False), (mixed_up, True)):
        before = mixture_preflight(slide, table, "type", method="knn")
        after = deconvolve(slide, table, "type", method="knn").verdict
        assert any(UNLIKE in said for said in before.warnings) is there
        assert any("as on slide" in said for said in before.passed) is not there
        assert (UNLIKE in after) is there


def test_a_mixed_up_reference_is_warned_of_before_and_after_imputing(tissue, mixed_up):
    slide, cells = tissue
    for table, there in ((cells, False), (mixed_up, True)):
        before = gene_preflight(slide, table, method="knn")
        after = impute_genes(slide, table, "missing", method="knn").verdict
        assert any(UNLIKE in said for said in before.notes) is there
        assert (UNLIKE in after) is there
