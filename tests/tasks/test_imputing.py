"""Genes from a reference, asked for through the task."""

from __future__ import annotations

import json
from pathlib import Path

import anndata
import numpy as np
import pytest
from scipy import sparse

from napari_spatialrecon.errors import InputError, Stopped, ValidationError
from napari_spatialrecon.tasks.gene_check import compare
from napari_spatialrecon.tasks.imputing import impute_genes


@pytest.fixture(scope="module")
def split(tiny):
    """A slide without its last 6 genes, the cells, those genes and their truth."""
    slide, cells = tiny.slides[0], tiny.cells
    shared = [g for g in slide.var_names if g in set(cells.var_names)]
    hidden = shared[-6:]
    return slide[:, [g for g in slide.var_names if g not in hidden]].copy(), cells, hidden


def impute(slide, cells, genes, **more):
    return impute_genes(slide, cells, genes, method="knn", device="cpu", **more)


def test_the_result_has_the_slides_spots_and_the_asked_genes_in_their_order(split):
    slide, cells, hidden = split
    before = slide.X.copy()
    result = impute(slide, cells, hidden[::-1])
    assert list(result.adata.obs_names) == list(slide.obs_names)
    assert list(result.adata.var_names) == hidden[::-1]
    straight = impute(slide, cells, hidden).adata
    np.testing.assert_array_equal(result.adata.X[:, ::-1], straight.X)
    np.testing.assert_array_equal(
        result.adata.layers["imputed_std"][:, ::-1], straight.layers["imputed_std"]
    )
    assert straight.X.min() >= 0 and np.ptp(straight.X.mean(axis=0)) > 0.1
    assert set(result.genes["origin"]) == {"imputed"}
    np.testing.assert_array_equal(result.adata.obsm["spatial"], slide.obsm["spatial"])
    assert (before != slide.X).nnz == 0


def test_a_gene_that_the_slide_measured_is_kept_as_measured_and_said(split):
    slide, cells, hidden = split
    gene = slide.var_names[0]
    result = impute(slide, cells, [hidden[0], gene])
    assert list(result.genes["origin"]) == ["imputed", "measured"]
    counts = np.asarray(slide[:, gene].X.todense()).ravel()
    totals = np.asarray(slide.X.sum(axis=1)).ravel()
    expected = np.log1p(counts / totals * np.median(totals))
    np.testing.assert_allclose(result.adata.X[:, 1], expected, rtol=1e-5)
    assert (result.adata.layers["imputed_std"][:, 1] == 0).all()
    assert any("Kept as measured" in note and gene in note for note in result.notes)


def test_a_gene_that_the_reference_lacks_is_refused_with_the_nearest_name(split):
    slide, cells, hidden = split
    with pytest.raises(InputError, match="which it lacks") as caught:
        impute(slide, cells, [hidden[0] + "x"])
    assert hidden[0] in caught.value.remedy


def test_no_shared_gene_is_an_error_that_shows_the_names(split):
    slide, cells, _ = split
    other = cells.copy()
    other.var_names = [f"other-{i}" for i in range(other.n_vars)]
    other.var = other.var[[]]
    with pytest.raises(ValidationError, match="at least 3 genes shared with"):
        impute(slide, other, ["other-1"])


def test_few_shared_genes_are_warned_of_with_what_to_expect(split):
    slide, cells, hidden = split
    result = impute(slide[:, :12].copy(), cells, hidden)
    assert any("Only 12 shared genes" in n and "expect" in n for n in result.notes)
    assert not any("Only" in note for note in impute(slide, cells, hidden).notes)


def test_a_constant_gene_teaches_nothing_and_is_said(split):
    slide, cells, hidden = split
    flat = slide.copy()
    matrix = flat.X.tolil()
    matrix[:, 3] = 0
    flat.X = sparse.csr_matrix(matrix)
    result = impute(flat, cells, hidden)
    assert any(slide.var_names[3] in n and "constant" in n for n in result.notes)
    lacking = flat[:, [i for i in range(slide.n_vars) if i != 3]].copy()
    lacking.X = sparse.csr_matrix(lacking.X)
    np.testing.assert_allclose(impute(lacking, cells, hidden).adata.X, result.adata.X, atol=1e-5)


def test_a_gene_constant_in_the_reference_gives_a_flat_map(split):
    slide, cells, hidden = split
    flat = cells.copy()
    matrix = flat.X.tolil()
    matrix[:, list(flat.var_names).index(hidden[0])] = 0
    flat.X = sparse.csr_matrix(matrix)
    result = impute(slide, flat, hidden[:1])
    assert np.ptp(result.adata.X) < 1e-6


@pytest.mark.parametrize("which", ["slide", "cells"])
def test_duplicate_names_are_refused(split, which):
    slide, cells, hidden = (x.copy() if hasattr(x, "obs") else x for x in split)
    table = {"slide": slide, "cells": cells}[which]
    names = list(table.var_names)
    table.var_names = [names[1], *names[1:]]
    with pytest.raises(ValidationError, match="each gene name once"):
        impute(slide, cells, hidden)


def test_a_gene_asked_for_twice_stands_once(split):
    slide, cells, hidden = split
    result = impute(slide, cells, [hidden[0], hidden[0]])
    assert list(result.adata.var_names) == hidden[:1]
    assert any("requested twice" in n for n in result.notes)


def test_a_reference_in_logarithms_gives_what_its_counts_give(split):
    slide, cells, hidden = split
    logs = cells.copy()
    totals = np.asarray(logs.X.sum(axis=1)).ravel()
    scaled = sparse.diags(np.median(totals) / totals) @ logs.X
    logs.X = sparse.csr_matrix(scaled).log1p().astype(np.float32)
    from_counts, from_logs = (impute(slide, c, hidden) for c in (cells, logs))
    assert any("used as logarithms" in n for n in from_logs.notes)
    np.testing.assert_allclose(from_logs.adata.X, from_counts.adata.X, atol=0.02)


def test_a_reference_of_neither_counts_nor_logarithms_is_refused(split):
    slide, cells, hidden = split
    odd = cells.copy()
    odd.X = sparse.csr_matrix(np.random.default_rng(0).gamma(1.0, 1.0, odd.shape))
    with pytest.raises(InputError, match="neither counts nor"):
        impute(slide, odd, hidden)


def test_spots_and_cells_without_counts_are_said_and_spots_get_their_neighbours_values(split):
    slide, cells, hidden = (x.copy() if hasattr(x, "obs") else x for x in split)
    for table, row in ((slide, 5), (cells, 7)):
        matrix = table.X.tolil()
        matrix[row] = 0
        table.X = sparse.csr_matrix(matrix)
    result = impute(slide, cells, hidden)
    assert result.adata.n_obs == slide.n_obs
    assert list(np.flatnonzero(result.adata.obs["empty"])) == [5]
    away = np.linalg.norm(slide.obsm["spatial"] - slide.obsm["spatial"][5], axis=1)
    near = np.argsort(away, kind="stable")[1:9]
    np.testing.assert_allclose(result.adata.X[5], result.adata.X[near].mean(axis=0), rtol=1e-5)
    assert sum("without counts" in n for n in result.notes) == 2
    assert any("mean of the 8 nearest" in n for n in result.notes)


@pytest.mark.parametrize("ending", ["h5ad", "zarr"])
def test_a_streamed_result_is_that_in_memory(split, tmp_path, ending):
    slide, cells, hidden = split
    genes = [hidden[0], slide.var_names[2], *hidden[1:]]
    out = tmp_path / f"genes.{ending}"
    stored = impute(slide, cells, genes, out=out)
    assert stored.adata is None
    read = anndata.read_h5ad(out) if ending == "h5ad" else anndata.read_zarr(out)
    kept = impute(slide, cells, genes).adata
    np.testing.assert_array_equal(read.X, kept.X)
    np.testing.assert_array_equal(read.layers["imputed_std"], kept.layers["imputed_std"])
    assert list(read.var_names) == genes
    assert list(read.var["origin"]) == list(kept.var["origin"])
    assert json.loads((tmp_path / "genes.run.json").read_text())["task"] == "impute-genes"
    assert {p.name for p in tmp_path.iterdir()} == {out.name, "genes.run.json"}


@pytest.mark.parametrize("ending", ["h5ad", "zarr"])
def test_a_stopped_run_leaves_nothing_behind(split, tmp_path, ending):
    slide, cells, hidden = split
    with pytest.raises(Stopped):
        impute(slide, cells, hidden, out=tmp_path / f"a.{ending}", should_stop=lambda: True)
    assert not list(Path(tmp_path).iterdir())


def test_missing_asks_for_all_that_the_slide_lacks(split):
    slide, cells, hidden = split
    result = impute(slide, cells, "missing")
    assert set(result.genes.index) == set(cells.var_names) - set(slide.var_names)
    assert set(hidden) <= set(result.genes.index)


def test_a_hidden_gene_is_compared_with_its_measurement(tiny, tmp_path):
    slide, cells = tiny.slides[0], tiny.cells
    genes = [str(name) for name in slide.var_names[[3, 5]]]
    for out in (None, tmp_path / "o.h5ad"):
        result = impute(slide, cells, genes[:1], hide=genes, out=out)
        assert list(result.genes.index) == genes
        assert (result.genes["origin"] == "imputed").all()
        found = result.record.metrics["hidden_pcc"]
        adata = result.adata if out is None else anndata.read_h5ad(out)
        beside = compare(adata, slide, genes).var["found"]
        assert found == pytest.approx(float(beside.mean()), abs=1e-5)
        assert any(f"{genes[0]} {beside.iloc[0]:.2f}" in note for note in result.notes)
        assert f"{found:.2f} with the measurement" in result.verdict


FAST = {
    "knn": {},
    "mapping": {"steps": 5},
    "come": {"steps": 5, "choose": False},
    "spadit": {"network.on": False, "folds": 2},
    "auto": {"minutes": 0.001},
}


@pytest.mark.parametrize("method", FAST)
def test_other_measurements_of_hidden_genes_change_no_byte_of_their_maps(split, method):
    slide, cells, _ = split
    hidden = [str(gene) for gene in slide.var_names[:3]]
    other = slide.copy()
    counts = slide.X.toarray()
    counts[:, :3] = np.random.default_rng(0).poisson(5, (slide.n_obs, 3))
    other.X = sparse.csr_matrix(counts)
    found = [
        impute_genes(table, cells, hidden, method=method, hide=hidden, settings=FAST[method])
        for table in (slide, other)
    ]
    assert found[0].record.metrics["hidden_pcc"] != found[1].record.metrics["hidden_pcc"]
    for one, two in zip(*[(r.adata.X, r.adata.layers["imputed_std"]) for r in found], strict=True):
        assert one.tobytes() == two.tobytes()


def test_the_spread_holds_what_it_states_of_genes_that_were_taken_out(tiny, split):
    slide, cells, hidden = split
    result = impute(slide, cells, hidden)
    spread = result.adata.layers["imputed_std"]
    whole = tiny.slides[0]
    truth = np.log1p(
        whole[:, hidden].X.toarray()
        / np.asarray(slide.X.sum(axis=1))
        * np.median(np.asarray(slide.X.sum(axis=1)))
    )
    assert 0.85 < (np.abs(truth - result.adata.X) <= 2 * spread).mean() <= 1.0
    assert 0.85 < result.record.metrics["spread_coverage"] < 1.0
    assert "Maps of held-out genes have a mean correlation" in result.verdict


def test_too_few_shared_genes_leave_maps_without_a_spread(split):
    slide, cells, hidden = split
    result = impute(slide[:, :20].copy(), cells, hidden)
    assert (result.adata.layers["imputed_std"] == 0).all()
    assert any("Maps have no spread" in note for note in result.notes)


def test_maps_from_shuffled_genes_are_no_better_than_the_baseline(split):
    slide, cells, hidden = split
    wrong = cells.copy()
    wrong.X = wrong.X[:, np.random.default_rng(0).permutation(wrong.n_vars)]
    assert "No better than the baseline" in impute(slide, wrong, hidden).verdict
    assert "No better than the baseline" not in impute(slide, cells, hidden).verdict
