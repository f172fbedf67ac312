from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

from napari_spatialrecon.errors import InputError, Stopped
from napari_spatialrecon.tasks import groups
from napari_spatialrecon.tasks.groups import (
    composition,
    expression_by_group,
    log_expression,
    markers,
)


@pytest.fixture
def cells() -> AnnData:
    """60 cells and 50 genes; the first 20 cells have ten times as much of gene 7."""
    rng = np.random.default_rng(0)
    counts = rng.poisson(2.0, (60, 50)).astype(np.float32)
    counts[:20, 7] *= 10
    return AnnData(counts, var=pd.DataFrame(index=[f"g{i}" for i in range(50)]))


FIRST = np.arange(60) < 20


def test_composition_counts_the_selection_and_the_rest() -> None:
    labels = pd.Series(["a", "a", "b", None, "b", "c"])
    table = composition(labels, np.array([1, 1, 0, 1, 0, 0], bool))
    assert table["count"].to_dict() == {"a": 2, "missing": 1}
    assert table.share.tolist() == pytest.approx([2 / 3, 1 / 3])
    assert table.share_of_rest.tolist() == [0.0, 0.0]
    assert composition(labels, np.ones(6, bool)).share_of_rest.isna().all()


def test_composition_of_nothing_is_empty() -> None:
    assert composition(pd.Series(["a", "b"]), np.zeros(2, bool)).empty


def test_expression_is_normalized_on_a_copy(cells: AnnData) -> None:
    before = cells.X.copy()
    expression, genes = log_expression(cells)
    assert genes.all() and (before == cells.X).all()
    assert np.expm1(expression.toarray()).sum(axis=1) == pytest.approx(1e4, rel=1e-4)


@pytest.mark.parametrize("bad", [np.nan, -1.0])
def test_values_that_are_no_counts_are_refused(cells: AnnData, bad: float) -> None:
    cells.X[3, 4] = bad
    with pytest.raises(InputError, match="negative or not finite"):
        markers(cells, FIRST)


def test_a_marker_comes_first_with_its_fold_change(cells: AnnData) -> None:
    table = markers(cells, FIRST)
    assert table.index[0] == "g7" and table.p_adjusted.iloc[0] < 1e-4
    assert 2 < table.log2_fold_change.iloc[0] < 4
    assert (table.p_adjusted >= table.p).all() and len(table) == 50
    assert table.loc["g7", "expressed"] == pytest.approx((cells.X[:20, 7] > 0).mean(dtype=float))


def test_blocks_of_genes_give_what_one_call_of_scanpy_gives(
    cells: AnnData, monkeypatch: pytest.MonkeyPatch
) -> None:
    import scanpy as sc

    monkeypatch.setattr(groups, "_BLOCK_VALUES", 60 * 7)
    table = markers(cells, FIRST)
    whole = cells.copy()
    sc.pp.normalize_total(whole, target_sum=1e4)
    sc.pp.log1p(whole)
    whole.obs["g"] = pd.Categorical(np.where(FIRST, "in", "out"))
    sc.tl.rank_genes_groups(whole, "g", groups=["in"], method="wilcoxon", tie_correct=True)
    expected = sc.get.rank_genes_groups_df(whole, "in").set_index("names").loc[table.index]
    for ours, theirs in [
        ("score", "scores"),
        ("log2_fold_change", "logfoldchanges"),
        ("p", "pvals"),
        ("p_adjusted", "pvals_adj"),
    ]:
        assert table[ours].to_numpy() == pytest.approx(expected[theirs].to_numpy(), rel=1e-3)


def test_only_the_cells_named_as_the_rest_are_compared_with(cells: AnnData) -> None:
    cells.X[40:, 9] *= 50
    rest = (np.arange(60) >= 20) & (np.arange(60) < 40)
    assert abs(markers(cells, FIRST, rest).loc["g9", "log2_fold_change"]) < 1
    assert markers(cells, FIRST).loc["g9", "log2_fold_change"] < -2


@pytest.mark.parametrize("n", [0, 2, 58, 60])
def test_too_small_a_group_is_refused(cells: AnnData, n: int) -> None:
    with pytest.raises(InputError, match="at least 3 cells with counts in each group"):
        markers(cells, np.arange(60) < n)


def test_cells_without_counts_do_not_count(cells: AnnData) -> None:
    cells.X[:18] = 0
    with pytest.raises(InputError, match="found 2"):
        markers(cells, FIRST)


def test_a_table_without_genes_is_refused() -> None:
    with pytest.raises(InputError, match="without genes"):
        markers(AnnData(np.zeros((9, 0), np.float32)), np.arange(9) < 4)


def test_a_test_stops_between_blocks(cells: AnnData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "_BLOCK_VALUES", 60 * 7)
    tested: list[int] = []
    whole = groups._tested
    monkeypatch.setattr(groups, "_tested", lambda *a: tested.append(1) or whole(*a))
    with pytest.raises(Stopped):
        markers(cells, FIRST, should_stop=lambda: len(tested) >= 2)
    assert len(tested) == 2


def test_many_cells_are_compared_by_their_means(
    cells: AnnData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "RANKED", 59)
    expected = markers(cells, FIRST, method="t-test_overestim_var")
    assert markers(cells, FIRST).equals(expected)


@pytest.mark.realdata
def test_erbb2_marks_a_tumor_region_of_real_tissue(realdata) -> None:
    import anndata

    slide = anndata.read_h5ad(realdata / "st_her2_he" / "C5.h5ad")
    expression, _ = log_expression(slide)
    at = slide.var_names.get_loc("CDH1")
    epithelium = expression[:, [at]].toarray().ravel()
    assert "ERBB2" in markers(slide, epithelium > np.quantile(epithelium, 0.7)).index[:10]


def test_a_dot_plot_has_the_values_of_scanpys() -> None:
    import scanpy as sc

    rng = np.random.default_rng(0)
    adata = AnnData(sparse.csr_matrix(rng.poisson(1.0, (60, 5)).astype(np.float32)))
    adata.obs["kind"] = pd.Categorical(rng.choice(["a", "b"], 60))
    groups = {kind: (adata.obs["kind"] == kind).to_numpy() for kind in ("a", "b")}
    found = expression_by_group(
        adata, ["3", "0", "no gene"], {**groups, "none": groups["a"] & False}
    )
    logs = adata.copy()
    sc.pp.normalize_total(logs, target_sum=1e4)
    sc.pp.log1p(logs)
    plot = sc.pl.DotPlot(logs, ["3", "0"], "kind")
    for name, theirs in (("expressed", plot.dot_size_df), ("mean", plot.dot_color_df)):
        ours = found[name].unstack("gene").loc[["a", "b"], ["3", "0"]]
        np.testing.assert_allclose(ours, theirs.loc[["a", "b"], ["3", "0"]], rtol=1e-5)
    assert found.xs("none", level="group")["mean"].isna().all()
