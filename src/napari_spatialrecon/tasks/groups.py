"""Groups of cells or spots: what they consist of, and which genes mark them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.progress import ProgressCallback, Reporter, ShouldStop
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.counts import settled

if TYPE_CHECKING:
    from anndata import AnnData
    from scipy.sparse import csr_matrix

LEAST = 3
"""Cells or spots that a group must have to be tested."""
RANKED = 50_000
"""With more cells than this, means are compared (t-test) rather than ranks (Wilcoxon)."""
_DEPTH = 1e4
_BLOCK_VALUES = 2e7
"""Values of a block of genes, between which a test can be stopped."""


def composition(labels: pd.Series | pd.Categorical, selected: np.ndarray) -> pd.DataFrame:
    """Return which categories a selection consists of, the most frequent first.

    Parameters
    ----------
    labels : (n_cells,)
        Category of each cell; missing values count as "missing".
    selected : (n_cells,) bool

    Returns
    -------
    Indexed by category, without those that the selection lacks: ``count``, its ``share`` of the
    selection, and ``share_of_rest``, its share of the cells that are not selected (NaN if all are).

    Examples
    --------
    >>> labels = pd.Series(["tumor", "tumor", "T cell", "T cell"])
    >>> composition(labels, np.array([True, True, True, False]))["count"].to_dict()
    {'tumor': 2, 'T cell': 1}
    """
    values = pd.Categorical(labels)
    codes, names = np.asarray(values.codes), [*map(str, values.categories), "missing"]
    codes = np.where(codes < 0, len(names) - 1, codes)
    inside = np.bincount(codes[selected], minlength=len(names))
    rest = np.bincount(codes, minlength=len(names)) - inside
    with np.errstate(invalid="ignore"):
        table = pd.DataFrame(
            {
                "count": inside,
                "share": inside / inside.sum(),
                "share_of_rest": rest / rest.sum(),
            },
            index=pd.Index(names, name="category"),
        )
    return table[table["count"] > 0].sort_values("count", ascending=False, kind="stable")


def log_expression(adata: AnnData) -> tuple[csr_matrix, np.ndarray]:
    """Return log-normalized counts of the genes whose counts are read, and these genes.

    Counts of each cell are scaled to a sum of 10,000 and transformed by log(1 + x); the table is
    not changed.

    Returns
    -------
    expression : (n_cells, n_genes) csr float32
        Cells without counts have zeros.
    genes : (n_all_genes,) bool
        Which genes of the table these are.

    Raises
    ------
    InputError
        The table has no genes, no counts, negative values or values that are not finite.
    """
    _, genes = contract.trusted_genes(adata)
    if not genes.any():
        raise InputError("Expected counts of genes, found a table without genes.")
    found = contract.counts(settled(adata)[0])[:, genes].tocsr(copy=True)
    if not np.isfinite(found.data).all() or (found.data < 0).any():
        raise InputError("Expected counts, found values that are negative or not finite.")
    totals = np.asarray(found.sum(axis=1)).ravel()
    factors = np.divide(_DEPTH, totals, out=np.zeros_like(totals), where=totals > 0)
    found.data *= np.repeat(factors, np.diff(found.indptr)).astype(np.float32)
    np.log1p(found.data, out=found.data)
    return found, genes


def expression_by_group(
    adata: AnnData, genes: Sequence[str], groups: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """Return how widely and how strongly groups of cells express genes, as a dot plot shows it.

    Parameters
    ----------
    genes
        Names in the table; those whose counts are not read are excluded.
    groups : by name, (n_cells,) bool
        They may overlap. Cells without counts are not counted.

    Returns
    -------
    One row per gene and group, indexed by both, in the order given: ``expressed``, the share of
    cells with counts of the gene, and ``mean``, their mean log-normalized counts (`markers`). NaN
    for a group without cells.

    Examples
    --------
    >>> regions = {"tumor": slide.obs["region"] == "tumor"}
    >>> expression_by_group(slide, ["ERBB2"], regions)  # doctest: +SKIP
    """
    _, known = contract.trusted_genes(adata)
    found = contract.counts(settled(adata)[0])[:, known]
    totals = np.asarray(found.sum(axis=1), float).ravel()
    columns = adata.var_names[known].get_indexer(list(genes))
    names = [gene for gene, at in zip(genes, columns, strict=True) if at >= 0]
    dense = np.asarray(found[:, columns[columns >= 0]].toarray(), float)
    counted = totals > 0
    logs = np.log1p(
        dense * np.divide(_DEPTH, totals, out=np.zeros_like(totals), where=counted)[:, None]
    )
    parts = {}
    for group, rows in groups.items():
        inside = np.asarray(rows, bool) & counted
        if inside.any():
            shares, means = (dense[inside] > 0).mean(axis=0), logs[inside].mean(axis=0)
            parts[group] = np.stack([shares, means])
        else:
            parts[group] = np.full((2, len(names)), np.nan)
    index = pd.MultiIndex.from_product([names, list(groups)], names=["gene", "group"])
    expressed, mean = (np.array([part[i] for part in parts.values()]).T.ravel() for i in (0, 1))
    return pd.DataFrame({"expressed": expressed, "mean": mean}, index)


def markers(
    adata: AnnData,
    selected: np.ndarray,
    rest: np.ndarray | None = None,
    *,
    method: str | None = None,
    progress: ProgressCallback | None = None,
    should_stop: ShouldStop | None = None,
) -> pd.DataFrame:
    """Return the genes that tell selected cells or spots from the rest, by scanpy's test.

    Genes are tested on log-normalized counts (`log_expression`) of all cells with counts. The cells
    count as independent samples although neighbours are not, and a selection drawn by hand may
    follow the expression that it is tested for: p-values rank genes, and are too small.

    Parameters
    ----------
    adata
        Cells or spots with counts; not changed.
    selected : (n_cells,) bool
    rest : (n_cells,) bool, optional
        Cells to compare with; by default all others.
    method
        Of `scanpy.tl.rank_genes_groups`: ``"wilcoxon"``, ``"t-test"`` or
        ``"t-test_overestim_var"``. By default Wilcoxon's test, and with more than 50,000 cells the
        t-test that overestimates variance.
    progress, should_stop
        Called between blocks of genes.

    Returns
    -------
    One row per gene, highest score first, indexed by the gene's name in the table: ``score``,
    ``log2_fold_change``, ``p``, ``p_adjusted`` (Benjamini and Hochberg), ``expressed`` and
    ``expressed_in_rest`` (shares of cells with counts of the gene).

    Raises
    ------
    InputError
        One of the groups has fewer than 3 cells with counts, or the table holds no counts.
    Stopped
        `should_stop` returned True.

    Examples
    --------
    >>> markers(slide, slide.obs["region"] == "tumor").head()  # doctest: +SKIP
    """
    selected = np.asarray(selected, bool)
    rest = ~selected if rest is None else np.asarray(rest, bool) & ~selected
    reporter = Reporter(progress, should_stop)
    reporter.begin("Normalizing")
    expression, genes = log_expression(adata)
    counted = np.diff(expression.indptr) > 0
    groups = {"selected": selected & counted, "rest": rest & counted}
    for name, rows in groups.items():
        if rows.sum() < LEAST:
            raise InputError(
                f"Expected at least {LEAST} cells with counts in each group, "
                f"found {rows.sum()} ({name})."
            )
    rows = groups["selected"] | groups["rest"]
    inside, names = groups["selected"][rows], adata.var_names[genes]
    method = method or ("wilcoxon" if rows.sum() <= RANKED else "t-test_overestim_var")
    expression = expression[rows].tocsc()
    step = max(1, int(_BLOCK_VALUES / expression.shape[0]))
    reporter.begin("Testing", total=len(names))
    parts = []
    for start in range(0, len(names), step):
        reporter.check()
        block = expression[:, start : start + step]
        parts.append(_tested(block, np.arange(start, start + block.shape[1]), inside, method))
        reporter.step(min(start + step, len(names)))
    return _table(pd.concat(parts).sort_index(), names, expression, inside)


def _tested(
    block: csr_matrix, columns: np.ndarray, inside: np.ndarray, method: str
) -> pd.DataFrame:
    """Return scanpy's test of a block of genes, indexed by their `columns`."""
    import scanpy as sc
    from anndata import AnnData

    table = AnnData(block.tocsr(), var=pd.DataFrame(index=columns.astype(str)))
    table.obs["group"] = pd.Categorical(np.where(inside, "selected", "rest"))
    table.uns["log1p"] = {"base": None}
    with np.errstate(divide="ignore", invalid="ignore"):  # genes that are the same everywhere
        sc.tl.rank_genes_groups(
            table,
            "group",
            groups=["selected"],
            reference="rest",
            method=method,
            tie_correct=method == "wilcoxon",
        )
    found = sc.get.rank_genes_groups_df(table, "selected")
    return found.set_index(found["names"].astype(int))


def _table(
    tested: pd.DataFrame, names: pd.Index, expression: csr_matrix, inside: np.ndarray
) -> pd.DataFrame:
    from scipy.stats import false_discovery_control

    p = tested["pvals"].to_numpy(float)
    p = np.where(np.isfinite(p), np.clip(p, 0.0, 1.0), 1.0)
    expressed = (expression > 0).tocsr()
    table = pd.DataFrame(
        {
            "score": np.nan_to_num(tested["scores"].to_numpy(float)),
            "log2_fold_change": np.nan_to_num(tested["logfoldchanges"].to_numpy(float)),
            "p": p,
            "p_adjusted": false_discovery_control(p),
            "expressed": np.asarray(expressed[inside].mean(axis=0)).ravel(),
            "expressed_in_rest": np.asarray(expressed[~inside].mean(axis=0)).ravel(),
        },
        index=pd.Index(names, name="gene"),
    )
    return table.sort_values("score", ascending=False, kind="stable")
