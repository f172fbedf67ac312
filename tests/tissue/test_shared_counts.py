"""Counts are read in blocks of rows: the numbers are those of whole matrices, the memory is not."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from anndata import AnnData
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from napari_spatialrecon.tissue import preprocess, shared_counts
from napari_spatialrecon.tissue.contract import Prepared, prepare_query, prepare_slide
from napari_spatialrecon.tissue.preprocess import fit_features
from napari_spatialrecon.tissue.preprocess_config import PreprocessConfig
from napari_spatialrecon.tissue.shared_counts import SharedCounts, factors_to, most_variable


def counts(n: int, genes: int, seed: int, density: float = 0.3) -> sparse.csr_matrix:
    found = sparse.random(n, genes, density, "csr", random_state=seed, dtype=np.float32)
    found.data = np.ceil(found.data * 20)
    return found


@given(
    n=st.integers(1, 30), genes=st.integers(1, 12), rows=st.integers(1, 9), seed=st.integers(0, 99)
)
@settings(max_examples=40, deadline=None)
def test_blocks_give_the_logarithms_and_variances_of_the_whole(n, genes, rows, seed):
    matrix = counts(n, genes, seed)
    columns = np.random.default_rng(seed).permutation(genes)[: max(genes // 2, 1)]
    table = SharedCounts(matrix, columns)
    whole = matrix.toarray()[:, columns]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared_counts, "ROWS", rows)
        totals = table.totals()
        factors = factors_to(7.0, totals)
        found = np.empty((n, len(columns)), np.float32)
        table.dense_logs(factors, np.arange(len(columns)), found)
        best = most_variable([table, table], [factors, factors], 2)
    np.testing.assert_array_equal(totals, whole.sum(axis=1))
    logs = np.log1p(whole / np.maximum(totals, 1)[:, None] * 7)
    np.testing.assert_allclose(found, logs, rtol=1e-5)
    variances = logs.var(axis=0)
    assert len(best) == min(2, len(columns))
    np.testing.assert_allclose(sorted(variances[best]), sorted(variances)[-2:], atol=1e-5)


def tables(n: int, genes: int) -> tuple[list[Prepared], Prepared]:
    found = []
    for seed in range(2):
        adata = AnnData(counts(n, genes, seed, 0.1))
        adata.obs_names = [f"row{i}" for i in range(n)]
        adata.var_names = [f"gene{i}" for i in range(genes)]
        adata.obsm["spatial"] = np.random.default_rng(seed).random((n, 2))
        found.append(adata)
    return [prepare_slide(found[0], "slide")], prepare_query(found[1], "cells")


def test_features_do_not_depend_on_the_size_of_the_blocks(monkeypatch):
    slides, cells = tables(200, 60)
    config = PreprocessConfig(top_genes=40, components=10)
    _, at_once, found_at_once = fit_features(slides, cells, config)
    monkeypatch.setattr(shared_counts, "ROWS", 7)
    monkeypatch.setattr(preprocess, "_BLOCK_VALUES", 1000)
    space, in_blocks, found = fit_features(slides, cells, config)
    assert in_blocks[0].tobytes() == at_once[0].tobytes()
    assert found.tobytes() == found_at_once.tobytes()
    np.testing.assert_allclose(space.transform(cells)[0], found, rtol=1e-4, atol=1e-4)


def test_fitting_features_holds_no_second_copy_of_the_counts():
    """Beside the tables there are the chosen genes, dense, once, and blocks."""
    slides, cells = tables(4000, 3000)
    size = sum(t.adata.X.data.nbytes + t.adata.X.indices.nbytes for t in (*slides, cells))
    dense = 2 * 4000 * 100 * 4
    config = PreprocessConfig(top_genes=100, components=10, gene_weights="none")
    fit_features(slides, cells, config)
    tracemalloc.start()
    try:
        fit_features(slides, cells, config)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * dense + size / 2, f"{peak} bytes for {size} of counts"
