"""Measured genes that are hidden from imputation, to evaluate its maps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from napari_spatialrecon.methods.genes.inputs import log_normalised
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.counts import settled
from napari_spatialrecon.tissue.gene_lookup import find_genes, lookup
from napari_spatialrecon.tissue.gene_names import GeneNames

#: Origin of a gene, in ``var["origin"]``, that the slide measured and the run did not see.
HELD_OUT = "held out"
#: Key of ``obsm``: the held-out genes as they were measured.
TRUTH = "held_out_measured"
#: Column of ``var``: correlation of a held-out gene's map with what was measured.
FOUND = "found"
#: Maximum number of genes drawn, and one in this many shared genes.
_MOST, _ONE_IN = 6, 10
#: Minimum share of spots with counts of a gene.
_SEEN = 0.1


def draw_checks(slide: AnnData, reference: AnnData, seed: int) -> tuple[str, ...]:
    """Return a few genes to hide, drawn from shared genes that are expressed in many spots.

    Parameters
    ----------
    seed
        The same seed draws the same genes.
    """
    slide = settled(slide)[0]
    known = lookup(reference.var, GeneNames.of(slide.var)) >= 0
    both = slide.var_names[known]
    often = slide.var_names[known & _seen(slide)].astype(str)
    n = min(_MOST, len(both) // _ONE_IN, len(often))
    chosen: list[int] = []
    if n:
        chosen = np.random.default_rng(seed).choice(len(often), n, replace=False).tolist()
    return tuple(often[i] for i in sorted(chosen))


def without(slide: AnnData, genes: Sequence[str], name: str = "slide") -> AnnData:
    """Return a copy of a slide without some of its genes; the slide is not modified.

    Raises
    ------
    InputError
        The slide lacks some of them.
    """
    if not genes:
        return slide
    slide = settled(slide)[0]
    hidden = find_genes(slide.var, genes, name)
    kept = slide[:, np.setdiff1d(np.arange(slide.n_vars), hidden)].copy()
    if kept.raw is not None:
        del kept.raw
    return kept


def compare(result: AnnData, slide: AnnData, genes: Sequence[str], name: str = "slide") -> AnnData:
    """Return a result that holds, for the genes that were hidden, what was measured beside it.

    Parameters
    ----------
    result
        What `impute_genes` made of ``without(slide, genes)``; `genes` are among its genes.
    slide
        With the hidden genes; the same spots.

    Returns
    -------
    ``var["origin"]`` is "held out" for `genes`, ``var["found"]`` their Pearson correlation with the
    truth over spots that have counts, ``obsm["held_out_measured"]`` the truth (log-normalized).
    """
    found = np.full(result.n_vars, np.nan)
    measured = hidden_truth(slide, genes, name)
    columns = find_genes(result.var, names_of(slide, genes, name), "the result")
    measured.columns = result.var_names[columns]
    truth = measured.reindex(result.obs_names)
    kept = result.obs_names.get_indexer(measured.index)
    for column, gene in zip(columns, measured, strict=True):
        imputed = np.asarray(result.X[:, column], float)[kept]
        found[column] = correlation(imputed, measured[gene].to_numpy(float))
    whole = result.copy()
    origin = whole.var["origin"].astype(str)
    origin.iloc[columns] = HELD_OUT
    whole.var["origin"], whole.var[FOUND] = origin, found
    if len(genes):
        whole.obsm[TRUTH] = truth
    return whole


def names_of(slide: AnnData, genes: Sequence[str], name: str = "slide") -> GeneNames:
    """Return genes of a slide by all of their names."""
    var = settled(slide)[0].var
    return GeneNames.of(var).take(find_genes(var, genes, name))


def hidden_truth(slide: AnnData, genes: Sequence[str], name: str = "slide") -> pd.DataFrame:
    """Return genes as a slide measured them, log-normalized, in its spots that have counts."""
    spots = contract.prepare_slide(slide, name, counts_needed=False)
    values, _ = log_normalised(spots, intensities=True)
    columns = find_genes(spots.adata.var, genes, name)
    return pd.DataFrame(
        values[:, columns].toarray().astype(np.float32),
        index=slide.obs_names[spots.kept],
        columns=list(genes),
    )


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Pearson's correlation of two vectors, 0 where one is constant."""
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _seen(slide: AnnData) -> np.ndarray:
    """Return which genes enough spots show, (n_genes,) bool."""
    values = slide.layers.get("counts", slide.X)
    if sparse.issparse(values):
        shown = np.asarray((values != 0).sum(axis=0)).ravel()
    else:
        shown = (np.asarray(values) != 0).sum(axis=0)
    return shown >= max(_SEEN * slide.n_obs, 3)
