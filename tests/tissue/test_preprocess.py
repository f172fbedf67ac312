"""From counts to features: each step by hand, and what must not leak into it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

from napari_spatialrecon.errors import CheckpointError, ValidationError
from napari_spatialrecon.geometry.autocorrelation import morans_i
from napari_spatialrecon.tissue.contract import Prepared, prepare_query, prepare_slide
from napari_spatialrecon.tissue.preprocess import FeatureSpace, fit_features, log_depth, zscore
from napari_spatialrecon.tissue.preprocess_config import PreprocessConfig

PLAIN = PreprocessConfig(components=0, gene_weights="none")


def prepared(counts, genes, points=None, name="table") -> Prepared:
    counts = np.asarray(counts, np.float32)
    adata = AnnData(sparse.csr_matrix(counts), var=pd.DataFrame(index=genes))
    if points is not None:
        adata.obsm["spatial"] = np.asarray(points, float)
    return Prepared(adata, name, np.ones(len(counts), bool))


@pytest.fixture
def slide():
    """Four spots of 10, 20, 20 and 40 counts in a row."""
    counts = [[8, 2, 0], [10, 5, 5], [0, 10, 10], [0, 20, 20]]
    return prepared(counts, ["a", "b", "c"], [[0, 0], [1, 0], [2, 0], [3, 0]], "slide")


@pytest.fixture
def query():
    """Three cells of 2, 4 and 10 counts: their median depth is 4."""
    return prepared([[2, 0, 0], [1, 2, 1], [0, 4, 6]], ["a", "b", "c"], name="query")


@pytest.fixture(scope="module")
def tables(tiny):
    return [prepare_slide(tiny.slides[0], "one"), prepare_slide(tiny.slides[1], "two")], (
        prepare_query(tiny.cells, "cells")
    )


def changed(table: Prepared, **slots) -> Prepared:
    adata = table.adata.copy()
    for name, value in slots.items():
        setattr(adata, name, value)
    return replace(table, adata=adata)


def test_counts_are_scaled_to_the_depth_and_logged():
    logs = log_depth(sparse.csr_matrix(np.array([[8.0, 2, 0], [0, 0, 0]])), 4.0)
    np.testing.assert_allclose(logs, [np.log1p([3.2, 0.8, 0.0]), [0, 0, 0]])


def test_a_constant_gene_becomes_zero():
    np.testing.assert_array_equal(zscore(np.array([[1.0, 5], [3.0, 5]])), [[-1.0, 0.0], [1.0, 0.0]])


def test_spots_and_cells_are_scaled_to_the_median_depth_of_the_cells(slide, query):
    space, features, cells = fit_features([slide], query, PLAIN)
    assert space.depth == 4.0
    by_hand = np.log1p(slide.adata.X.toarray() / [[10], [20], [20], [40]] * 4)
    by_hand = (by_hand - by_hand.mean(axis=0)) / by_hand.std(axis=0)
    np.testing.assert_allclose(features[0], by_hand, rtol=1e-5, atol=1e-6)
    own = np.log1p(query.adata.X.toarray() / [[2], [4], [10]] * 4)
    np.testing.assert_allclose(
        cells, (own - own.mean(axis=0)) / own.std(axis=0), rtol=1e-5, atol=1e-6
    )


def test_the_depth_can_be_fixed(slide, query):
    space, _, _ = fit_features([slide], query, replace(PLAIN, depth="fixed"))
    assert space.depth == 1e4


def test_without_a_query_the_depth_does_not_depend_on_the_order_of_the_slides(slide, query):
    other = prepared([[3, 3, 0]] * 3 + [[3, 0, 3]], ["a", "b", "c"], np.eye(4)[:, :2], "other")
    depths = {
        fit_features(order, None, PLAIN)[0].depth for order in ([slide, other], [other, slide])
    }
    assert depths == {np.median([10, 20, 20, 40, 6, 6, 6, 6])}


def test_each_slide_and_the_query_have_z_scores_of_their_own(slide, query):
    """A slide of ten times the depth, another batch, does not move the others' features."""
    batch = changed(slide, X=sparse.csr_matrix(slide.adata.X.toarray() * [[30, 1, 1]]))
    _, alone, cells_alone = fit_features([slide], query, PLAIN)
    _, both, cells = fit_features([slide, batch], query, PLAIN)
    np.testing.assert_array_equal(both[0], alone[0])
    np.testing.assert_array_equal(cells, cells_alone)
    for values in both:
        np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-6)
        np.testing.assert_allclose(values.std(axis=0), 1, rtol=1e-5)


def test_z_scores_can_be_those_of_the_reference(slide, query):
    _, spots, cells = fit_features([slide], query, replace(PLAIN, zscore="reference"))
    logs = [log_depth(t.adata.X, 4.0) for t in (slide, query)]
    by_hand = (logs[1] - logs[0].mean(axis=0)) / logs[0].std(axis=0)
    np.testing.assert_allclose(cells, by_hand, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(spots[0].mean(axis=0), 0, atol=1e-6)


def test_genes_are_weighted_by_the_root_of_their_morans_i(tables):
    slides, cells = tables
    weighted, features, _ = fit_features(slides, cells, PreprocessConfig(components=0))
    plain, values, _ = fit_features(slides, cells, PLAIN)
    per_slide = [
        morans_i(x, s.adata.obsm["spatial"], k=6) for x, s in zip(values, slides, strict=True)
    ]
    pooled = np.average(per_slide, axis=0, weights=[len(x) for x in values])
    expected = np.sqrt(np.clip(pooled, 0, None))
    assert (expected == 0).any()
    np.testing.assert_allclose(weighted.weights, expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(features[1], values[1] * weighted.weights, rtol=1e-4, atol=1e-5)
    assert (plain.weights == 1).all()


def test_genes_over_the_root_of_their_spread_keep_the_other_root(slide, query):
    space, spots, cells = fit_features([slide], query, replace(PLAIN, scaling="root"))
    for values, table in ((spots[0], slide), (cells, query)):
        logs = log_depth(table.adata.X, space.depth)
        np.testing.assert_allclose(values.std(axis=0), np.sqrt(logs.std(axis=0)), rtol=1e-5)
        np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-6)


def test_components_are_those_of_spots_and_cells_together(tables):
    slides, cells = tables
    _, genes, cell_genes = fit_features(slides, cells, PreprocessConfig(components=0))
    space, features, found = fit_features(slides, cells, PreprocessConfig(components=5))
    joint = np.concatenate([*genes, cell_genes]).astype(float)
    joint -= joint.mean(axis=0)
    _, sizes, rows = np.linalg.svd(joint, full_matrices=False)
    overlap = np.abs((space.components * rows[:5]).sum(axis=1))
    np.testing.assert_allclose(overlap, 1, atol=1e-3)
    energy = (np.concatenate([*features, found]).astype(float) ** 2).sum(axis=0)
    np.testing.assert_allclose(energy, sizes[:5] ** 2, rtol=1e-3)


def test_a_large_panel_keeps_its_most_variable_genes(tables):
    slides, cells = tables
    space, _, _ = fit_features(slides, cells, PreprocessConfig(top_genes=10, components=0))
    logs = np.concatenate([log_depth(s.adata.X, space.depth) for s in slides])
    assert set(space.used) == set(np.argsort(-logs.var(axis=0))[:10])
    assert len(space.genes) == slides[0].adata.n_vars


def test_what_tells_the_truth_of_the_query_changes_nothing(tiny):
    slides = [prepare_slide(tiny.slides[0], "one")]
    told = tiny.cells.copy()
    told.obsm["spatial"] = tiny.truth[["x", "y"]].to_numpy()
    told.obs[["x", "y"]] = told.obsm["spatial"]
    told.uns["truth"] = told.obsm["spatial"]
    blind, knowing = (
        fit_features(slides, prepare_query(q, "cells"), PreprocessConfig())
        for q in (tiny.cells, told)
    )
    assert blind[2].tobytes() == knowing[2].tobytes()
    assert blind[1][0].tobytes() == knowing[1][0].tobytes()


@pytest.mark.parametrize("scaling", ["spread", "root"])
def test_a_space_comes_back_from_its_arrays(tables, scaling):
    slides, cells = tables
    space, _, found = fit_features(slides, cells, PreprocessConfig(scaling=scaling))
    back = FeatureSpace.from_arrays(space.genes, space.arrays())
    assert back.transform(cells)[0].tobytes() == space.transform(cells)[0].tobytes()
    np.testing.assert_allclose(space.transform(cells)[0], found, rtol=1e-4, atol=1e-4)


def without(table: Prepared, share: float) -> Prepared:
    count = round(share * table.adata.n_vars)
    return replace(table, adata=table.adata[:, count:].copy())


def test_a_query_that_lacks_a_twentieth_of_the_genes_is_placed_with_a_note(tables):
    slides, cells = tables
    space, _, _ = fit_features(slides, cells, PreprocessConfig())
    full, notes = space.transform(cells)
    less, told = space.transform(without(cells, 0.05))
    assert not notes
    assert told == ("6 of the model's genes are missing and set to their average.",)
    near = np.corrcoef(full.ravel(), less.ravel())[0, 1]
    assert near > 0.9
    assert not np.array_equal(full, less)


def test_a_query_that_lacks_a_fifth_of_the_genes_is_refused(tables):
    slides, cells = tables
    space, _, _ = fit_features(slides, cells, PreprocessConfig())
    with pytest.raises(CheckpointError, match=r"120 genes .* found 96 of them") as caught:
        space.transform(without(cells, 0.2))
    assert caught.value.remedy
    with pytest.raises(CheckpointError, match="found 0 of them"):
        other = changed(cells, var_names=[f"other{i}" for i in range(cells.adata.n_vars)])
        space.transform(other)


def test_a_query_may_have_its_genes_in_another_order_or_case(tables):
    slides, cells = tables
    space, _, _ = fit_features(slides, cells, PreprocessConfig())
    expected = space.transform(cells)[0]
    shuffled = np.random.default_rng(0).permutation(cells.adata.n_vars)
    turned = replace(cells, adata=cells.adata[:, shuffled].copy())
    lower = changed(turned, var_names=[g.lower() for g in turned.adata.var_names])
    assert list(lower.adata.var_names) != list(turned.adata.var_names)
    np.testing.assert_allclose(space.transform(turned)[0], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(space.transform(lower)[0], expected, rtol=1e-4, atol=1e-5)


def test_three_genes_and_few_spots_are_enough_but_two_genes_are_not(slide, query):
    _, features, cells = fit_features([slide], query, PreprocessConfig())
    assert features[0].shape == (4, 3)
    assert np.isfinite(features[0]).all()
    assert np.isfinite(cells).all()
    two = [replace(t, adata=t.adata[:, :2].copy()) for t in (slide, query)]
    with pytest.raises(ValidationError, match=r"at least 3 genes .* found only 2 \(a, b\)"):
        fit_features(two[:1], two[1], PreprocessConfig())


def test_where_no_gene_varies_in_space_all_vote_alike(slide, query):
    """Four spots are all neighbours of each other, which makes every Moran's I -1/3."""
    space, _, _ = fit_features([slide], query, PreprocessConfig(components=0))
    assert (space.weights == 1).all()


def test_a_handful_of_cells_is_said_to_be_few(tables):
    slides, cells = tables
    space, _, _ = fit_features(slides, cells, PreprocessConfig())
    few = replace(cells, adata=cells.adata[:9].copy())
    assert any("with only 9 rows" in note for note in space.transform(few)[1])
    assert not space.transform(replace(cells, adata=cells.adata[:10].copy()))[1]


def test_a_spot_that_counts_twice_counts_as_two_where_genes_are_standardised(slide, query):
    n = slide.adata.n_obs
    twice = replace(slide, adata=slide.adata[[*range(n), 0]].copy())
    weights = [np.r_[2.0, np.ones(n - 1)]]
    counted = fit_features([slide], query, PLAIN, weights=weights)[1][0]
    repeated = fit_features([twice], query, PLAIN)[1][0][:n]
    np.testing.assert_allclose(counted, repeated, atol=1e-5)


def test_logs_can_stay_as_they_are(slide, query, tables):
    space, spots, cells = fit_features([slide], query, replace(PLAIN, zscore="none"))
    np.testing.assert_allclose(spots[0], log_depth(slide.adata.X, 4.0), rtol=1e-5)
    np.testing.assert_allclose(cells, log_depth(query.adata.X, 4.0), rtol=1e-5)
    restored = FeatureSpace.from_arrays(space.genes, space.arrays())
    np.testing.assert_array_equal(restored.transform(query)[0], cells)
    slides, cells = tables
    config = PreprocessConfig(components=0, gene_weights="none", zscore="none")
    space, spots, _ = fit_features(slides, cells, config)
    features, _ = space.transform(without(cells, 0.05))
    average = np.concatenate(spots).mean(axis=0)[:6]
    np.testing.assert_allclose(features[:, :6], np.tile(average, (len(features), 1)), rtol=1e-4)


@pytest.mark.parametrize("zscore", ["separate", "reference"])
def test_a_gene_that_is_missing_counts_as_average(tables, zscore):
    slides, cells = tables
    config = PreprocessConfig(components=0, gene_weights="none", zscore=zscore)
    space, _, _ = fit_features(slides, cells, config)
    features, _ = space.transform(without(cells, 0.05))
    assert (features[:, :6] == 0).all()
    assert (features[:, 6:] != 0).any(axis=0).all()
