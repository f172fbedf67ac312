"""Accuracy of cell type mixtures: PCC, SSIM, RMSE, JSD, and agreement with markers.

As in Li et al., *Nature Methods* 19 (2022), which COME follows: each spot is evaluated over the
types.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import rel_entr

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.neighbours import neighbour_graph
from napari_spatialrecon.tissue.contract import counts, section
from napari_spatialrecon.tissue.counts import settled
from napari_spatialrecon.tissue.genes import match_genes
from napari_spatialrecon.tissue.slots import OURS, PROPORTIONS, SPATIAL

Array = NDArray[np.float64]
_TINY = 1e-12
#: Number of marker genes per type, and of neighbours for the clustering of a type.
MARKERS, NEIGHBOURS = 3, 6


def mixture_metrics(truth: Array, prediction: Array) -> dict[str, Any]:
    """Return the accuracy of proportions.

    Parameters
    ----------
    truth, prediction : (n_spots, n_types) float of 0 or more, rows sum to 1

    Returns
    -------
    dict
        Means over spots: ``pcc`` (0 if a row is constant), ``ssim`` with global moments over the
        row, ``rmse``, ``jsd`` (square root of the Jensen-Shannon divergence in bits, 0 to 1) and
        ``jsd_divergence`` (in nats). Means over types: ``pcc_type`` (0 if a type's map is constant;
        types absent from both are excluded).

    Raises
    ------
    InputError
        Shapes differ, or values are not finite.
    """
    true, guess = np.asarray(truth, float), np.asarray(prediction, float)
    if true.shape != guess.shape or true.ndim != 2:
        raise InputError(f"Expected proportions of one shape, found {true.shape}, {guess.shape}.")
    if not (np.isfinite(true).all() and np.isfinite(guess).all()):
        raise InputError("Expected finite proportions, found NaN or infinity.")
    middle = (true + guess) / 2
    divergence = (rel_entr(true, middle) + rel_entr(guess, middle)).sum(axis=1) / 2
    present = (true > 0).any(axis=0) | (guess > 0).any(axis=0)
    by_type = _correlations(true[:, present].T, guess[:, present].T)
    return {
        "pcc": float(_correlations(true, guess).mean()),
        "ssim": float(_ssim(true, guess).mean()),
        "rmse": float(np.sqrt(((true - guess) ** 2).mean(axis=1)).mean()),
        "jsd": float(np.sqrt(np.maximum(divergence, 0) / np.log(2)).mean()),
        "jsd_divergence": float(divergence.mean()),
        "pcc_type": float(by_type.mean()),
    }


def evaluate_mixtures(truth: AnnData, prediction: AnnData) -> dict[str, Any]:
    """Return how well the mixtures of `prediction` match those of `truth`.

    Spots and types are matched by name ("/" and "_" are equivalent); a type missing in one table
    has share 0 there.

    Parameters
    ----------
    truth, prediction
        ``obsm["proportions"]``: a DataFrame with the types as columns.

    Returns
    -------
    dict
        Ready for JSON: ``spots``, ``types``, ``mean`` (see `mixture_metrics`), ``per_type``
        correlation over spots, and ``clumping``: the correlation of each type's share with its
        mean over the six nearest spots, in the prediction, if it has positions.

    Raises
    ------
    InputError
        A table has no proportions, or the two have no spot in common.
    """
    tables = [proportions_of(a, n) for a, n in ((truth, "truth"), (prediction, "prediction"))]
    spots = tables[1].index.intersection(tables[0].index, sort=False)
    if not len(spots):
        raise InputError(
            "Expected spots of the truth in the prediction, found none of the same name.",
            remedy="Try the slide that was deconvolved.",
        )
    tables[0] = as_named(tables[0], tables[1].columns)
    types = list(dict.fromkeys([*tables[0].columns, *tables[1].columns]))
    true, guess = (
        t.loc[spots].reindex(columns=types, fill_value=0.0).to_numpy(float) for t in tables
    )
    per_type = _correlations(true.T, guess.T)
    report: dict[str, Any] = {
        "spots": len(spots),
        "types": len(types),
        "mean": mixture_metrics(true, guess),
        "per_type": dict(zip(types, per_type.tolist(), strict=True)),
    }
    if SPATIAL in prediction.obsm and prediction.n_obs > NEIGHBOURS:
        whole = tables[1].to_numpy(float)
        near = neighbour_graph(np.asarray(prediction.obsm[SPATIAL], float), NEIGHBOURS) @ whole
        clumping = _correlations(whole.T, near.T)
        report["clumping"] = dict(zip(tables[1].columns, clumping.tolist(), strict=True))
    return report


def marker_agreement(
    slide: AnnData, proportions: pd.DataFrame, reference: AnnData, column: str
) -> dict[str, float]:
    """Return the agreement of each type's map with its markers on the slide (paper, fig. 3-4).

    Markers are the three genes whose mean share of counts in a type most exceeds that of the other
    types in the reference; their mean share on the slide is correlated with the type's proportions.
    The method has seen these genes, so this measures consistency, not accuracy.

    Parameters
    ----------
    proportions
        Rows are the slide's spots, columns the types.
    column
        Column of cell types in ``reference.obs``.
    """
    slide, reference = settled(slide)[0], settled(reference)[0]
    match = match_genes([slide.var, reference.var], ["slide", "reference"], least=1)
    here, there = (
        _shares(counts(table)[:, columns])
        for table, columns in zip((slide, reference), match.indices, strict=True)
    )
    labels = reference.obs[column].astype(str).to_numpy()
    proportions = as_named(proportions, np.unique(labels))
    types = [t for t in proportions.columns if (labels == t).any()]
    means = np.stack([np.asarray(there[labels == t].mean(axis=0)).ravel() for t in types])
    found = {}
    for i, name in enumerate(types):
        others = np.delete(means, i, axis=0).mean(axis=0) if len(types) > 1 else 0.0 * means[i]
        best = np.argsort(-(means[i] - others), kind="stable")[:MARKERS]
        marked = np.asarray(here[:, best].mean(axis=1)).ravel()
        own = proportions[name].to_numpy(float)
        found[name] = float(_correlations(own[None], marked[None])[0])
    return found


def proportions_of(adata: AnnData, name: str) -> pd.DataFrame:
    """Return ``obsm["proportions"]`` as a DataFrame of the types, named as in the reference.

    Raises
    ------
    InputError
        The slot is missing, or its columns have no names.
    """
    found = adata.obsm.get(PROPORTIONS)
    if not isinstance(found, pd.DataFrame):
        have = ", ".join(adata.obsm) or "none"
        raise InputError(
            f"Expected a DataFrame of proportions, found slots: {have}.",
            remedy='Try a file that "spatialrecon deconvolve" wrote.',
            where=f'{name}: obsm["{PROPORTIONS}"]',
        )
    return named_types(adata, found)


def named_types(adata: AnnData, shares: pd.DataFrame) -> pd.DataFrame:
    """Return shares or bounds of a result with the types named as in the reference.

    A file has "_" for the "/" of a name; ``uns["spatialrecon"]["types"]`` keeps the names.
    """
    types = section(adata.uns, OURS).get("types")
    if types is None or len(types) != shares.shape[1]:
        types = shares.columns
    return shares.set_axis([str(name) for name in types], axis=1)


def as_named(shares: pd.DataFrame, types: Iterable[str]) -> pd.DataFrame:
    """Return shares whose types are named as in `types`, where only "/" and "_" differ."""
    known = {name.replace("/", "_"): name for name in map(str, types)}
    own = {str(name) for name in shares}
    taken = own & set(known.values())

    def named(name: object) -> str:
        other = known.get(str(name).replace("/", "_"), str(name))
        return str(name) if str(name) in taken or other in taken else other

    return shares.rename(columns=named)


def _correlations(a: Array, b: Array) -> Array:
    """Return the correlation of each row of `a` with that of `b`; 0 if one is constant."""
    x, y = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    norm = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    return np.where(norm > _TINY, (x * y).sum(axis=1) / np.maximum(norm, _TINY), 0.0)


def _ssim(a: Array, b: Array) -> Array:
    """Return the structural similarity of rows, scaled by the larger maximum of the two."""
    largest = np.maximum(a.max(axis=1), b.max(axis=1))
    c1, c2 = (0.01 * largest) ** 2 + _TINY, (0.03 * largest) ** 2 + _TINY
    m, n = a.mean(axis=1), b.mean(axis=1)
    covariance = ((a - m[:, None]) * (b - n[:, None])).mean(axis=1)
    spread = a.var(axis=1) + b.var(axis=1)
    return np.asarray(
        (2 * m * n + c1) * (2 * covariance + c2) / ((m**2 + n**2 + c1) * (spread + c2))
    )


def _shares(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    totals = np.asarray(matrix.sum(axis=1, dtype=np.float64)).ravel()
    factor = np.divide(1.0, totals, out=np.zeros_like(totals), where=totals > 0)
    return sparse.csr_matrix(sparse.diags(factor) @ matrix)
