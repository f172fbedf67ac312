"""Held-out truth on which methods are ranked: it never reaches what they are fitted to."""

from __future__ import annotations

import numpy as np
import pytest
from anndata import AnnData
from scipy import sparse

from napari_spatialrecon.methods.genes.hiding import HiddenGenes
from napari_spatialrecon.methods.genes.inputs import log_normalised
from napari_spatialrecon.methods.mixtures.base import read_types
from napari_spatialrecon.methods.mixtures.pseudo_spots import pseudo_spots
from napari_spatialrecon.methods.super_resolution.coarse_problem import LEAST_BLOCKS, CoarseProblem
from napari_spatialrecon.tasks.super_resolving import parts_of
from napari_spatialrecon.tissue.contract import prepare_query, prepare_slide
from napari_spatialrecon.tissue.subspots import parse_factor


@pytest.fixture(scope="module")
def slide(tiny):
    return prepare_slide(tiny.slides[0], "slide")


@pytest.fixture(scope="module")
def labelled(tiny):
    cells = tiny.cells.copy()
    cells.obs["type"] = np.array(["a", "b", "c"])[np.arange(cells.n_obs) % 3]
    cells.obs_names = [f"cell {i}" for i in range(cells.n_obs)]
    return prepare_query(cells, "cells")


def test_hidden_genes_are_gone_from_the_slide_and_their_truth_is_what_was_measured(slide, labelled):
    hidden = HiddenGenes.draw(slide, labelled, seed=1)
    assert len(hidden.genes) >= 5
    assert not set(hidden.genes) & set(hidden.slide.adata.var_names)
    assert hidden.slide.adata.raw is None and not hidden.slide.adata.layers
    measured = log_normalised(slide, intensities=True)[0].toarray()
    columns = [slide.adata.var_names.get_loc(gene) for gene in hidden.genes]
    np.testing.assert_array_equal(hidden.truth, measured[:, columns])
    assert hidden.errors(hidden.truth) == pytest.approx(0, abs=1e-5)
    assert hidden.errors(np.zeros_like(hidden.truth)) == pytest.approx(1)
    again = HiddenGenes.draw(slide, labelled, seed=1)
    assert again.genes == hidden.genes and again.truth.tobytes() == hidden.truth.tobytes()


def test_few_genes_are_not_hidden(slide, labelled):
    few = prepare_slide(slide.adata[:, :12].copy(), "few")
    assert HiddenGenes.draw(few, labelled, seed=0) is None


def test_no_cell_of_a_pseudo_spot_is_in_its_reference(slide, labelled, monkeypatch):
    types = read_types(labelled.adata, "type", "cells")
    made = pseudo_spots(slide, labelled, types, seed=0)
    shown = set(made.reference.adata.obs_names)
    halves = len(labelled.adata) - len(shown)
    assert halves == pytest.approx(len(labelled.adata) / 2, abs=3)
    # Counts of cells that are shown do not reach the spots: change them, and nothing changes but
    # what is read of the slide, which is kept.
    from napari_spatialrecon.methods.mixtures import pseudo_spots as module

    traits = module.SlideTraits.read(slide, labelled, types, np.random.default_rng(5))
    monkeypatch.setattr(module.SlideTraits, "read", lambda *_: traits)
    monkeypatch.setattr(module, "_POWERS", (1.0,))
    one = pseudo_spots(slide, labelled, types, seed=0)
    told = labelled.adata.copy()
    rows = np.isin(told.obs_names, list(shown))
    counts = told.X.toarray()
    counts[rows] = 1.0
    told.X = sparse.csr_matrix(counts)
    two = pseudo_spots(slide, prepare_query(told, "cells"), types, seed=0)
    assert (one.slide.adata.X != two.slide.adata.X).nnz == 0
    assert one.truth == pytest.approx(two.truth)
    assert one.truth.sum(axis=1) == pytest.approx(1)


def test_pseudo_spots_need_cells_of_two_types(slide, labelled):
    alone = labelled.adata.copy()
    alone.obs["one"] = "a"
    cells = prepare_query(alone, "cells")
    assert pseudo_spots(slide, cells, read_types(alone, "one", "cells"), seed=0) is None


def bins(n=24, genes=6):
    rng = np.random.default_rng(0)
    y, x = (v.ravel() for v in np.indices((n, n)))
    wave = 5 + 4 * np.sin(x / 4)[:, None] * np.cos(y[:, None] / (3 + np.arange(genes)))
    adata = AnnData(sparse.csr_matrix(rng.poisson(np.maximum(wave, 0.1)).astype(np.float32)))
    adata.obsm["spatial"] = np.c_[x, y] * 10.0
    return prepare_slide(adata, "bins")


def test_coarser_spots_hold_only_sums_of_the_parts_that_are_the_truth():
    slide = bins()
    parts = parts_of(slide, parse_factor("2x2"))
    problem = CoarseProblem.of(slide, parts)
    sums = problem.truth.reshape(-1, 4, problem.truth.shape[1]).sum(axis=1)
    assert problem.slide.adata.X[:, problem.genes].toarray() == pytest.approx(sums)
    assert problem.slide.adata.n_obs == slide.adata.n_obs // 4
    assert problem.errors(sparse.csr_matrix(problem.truth)) == pytest.approx(0)
    # the order of counts within blocks reaches only the truth
    order = np.arange(slide.adata.n_obs)
    members = slide.adata.obsm["spatial"] // 20
    blocks = members[:, 0] * 1000 + members[:, 1]
    for block in np.unique(blocks):
        rows = np.flatnonzero(blocks == block)
        order[rows] = rows[::-1]
    mixed = slide.adata.copy()
    mixed.X = slide.adata.X[order]
    other = CoarseProblem.of(prepare_slide(mixed, "bins"), parts)
    assert (other.slide.adata.X != problem.slide.adata.X).nnz == 0
    assert not np.array_equal(other.truth, problem.truth)


@pytest.mark.parametrize(("n", "spots"), [(24, 10), (14, 4)])
def test_where_blocks_of_all_parts_are_too_few_smaller_ones_are_tried(n, spots):
    slide = bins(n)
    problem = CoarseProblem.of(slide, parts_of(slide, parse_factor("2x5")))
    assert len(problem.parts.offsets) == spots
    assert problem.slide.adata.n_obs >= LEAST_BLOCKS
    assert len(problem.truth) == spots * problem.slide.adata.n_obs


def test_slides_too_small_to_be_coarsened_have_no_problem():
    slide = bins(6)
    assert CoarseProblem.of(slide, parts_of(slide, parse_factor("2x2"))) is None
