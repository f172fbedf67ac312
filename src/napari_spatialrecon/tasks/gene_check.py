"""Measured genes that are hidden from imputation, to evaluate its maps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.genes.inputs import listed, log_normalised
from napari_spatialrecon.tissue import contract

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
    seen = _seen(slide)
    known = set(map(str, reference.var_names))
    both = [str(name) for name in slide.var_names if str(name) in known]
    often = [str(n) for n, s in zip(slide.var_names, seen, strict=True) if s and str(n) in known]
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
    unknown = [gene for gene in genes if gene not in slide.var_names]
    if unknown:
        raise InputError(
            f"Expected genes that the slide measured, found {listed(unknown)}.",
            remedy="Try hiding only genes of the slide.",
            where=name,
        )
    if not genes:
        return slide
    kept = slide[:, ~slide.var_names.isin(list(genes))].copy()
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
    truth over spots that have counts, ``obsm["held_out_measured"]`` the truth (log-normalised).
    """
    found = np.full(result.n_vars, np.nan)
    measured = hidden_truth(slide, genes, name)
    truth = measured.reindex(result.obs_names)
    kept = result.obs_names.get_indexer(measured.index)
    for gene in genes:
        column = result.var_names.get_loc(gene)
        imputed = np.asarray(result.X[:, column], float)[kept]
        found[column] = correlation(imputed, measured[gene].to_numpy(float))
    whole = result.copy()
    origin = whole.var["origin"].astype(str)
    origin[list(genes)] = HELD_OUT
    whole.var["origin"], whole.var[FOUND] = origin, found
    if len(genes):
        whole.obsm[TRUTH] = truth
    return whole


def hidden_truth(slide: AnnData, genes: Sequence[str], name: str = "slide") -> pd.DataFrame:
    """Return genes as a slide measured them, log-normalised, in its spots that have counts."""
    spots = contract.prepare_slide(slide, name, counts_needed=False)
    values, _ = log_normalised(spots, intensities=True)
    columns = [spots.adata.var_names.get_loc(gene) for gene in genes]
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
