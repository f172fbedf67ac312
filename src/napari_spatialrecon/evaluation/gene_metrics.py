"""Accuracy of imputed genes: PCC, SSIM, RMSE, JS and the accuracy score.

Formulas as in SpaDiT's supplement, after Li et al., *Nature Methods* 19 (2022): each gene is
evaluated over the spots, and a constant map has correlation 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import rel_entr
from scipy.stats import rankdata

from napari_spatialrecon.errors import InputError, ValidationError
from napari_spatialrecon.evaluation.gene_similarity import MOST, GeneSimilarity
from napari_spatialrecon.tissue.contract import counts
from napari_spatialrecon.tissue.counts import settled
from napari_spatialrecon.tissue.genes import match_genes

Array = NDArray[np.float64]
_TINY = 1e-12
#: Number of genes that are dense at a time.
_BLOCK = 256
#: Metrics, and whether higher is better.
METRICS = {"pcc": True, "ssim": True, "rmse": False, "js": False}


def gene_metrics(truth: Array, prediction: Array) -> pd.DataFrame:
    """Return the metrics of each gene.

    Parameters
    ----------
    truth, prediction : (n_spots, n_genes) float
        Expression, not z-scored; not modified.

    Returns
    -------
    DataFrame
        One row per gene: ``pcc`` (Pearson; 0 if the map is constant); ``ssim`` over values scaled
        by each gene's maximum, with global moments; ``rmse`` of z-scores (equal to √(2 − 2 PCC), so
        not independent of it); ``js_divergence`` in nats between the maps as distributions over
        spots; ``js``, the square root of that divergence in bits, from 0 to 1, as papers report it.

    Raises
    ------
    InputError
        Shapes differ, or a prediction is not finite.
    """
    true, guess = np.asarray(truth, float), np.asarray(prediction, float)
    if true.shape != guess.shape or true.ndim != 2:
        raise InputError(
            f"Expected maps of one shape, found {true.shape} and {guess.shape}.",
            remedy="Try maps over the same spots and genes.",
        )
    if not (np.isfinite(true).all() and np.isfinite(guess).all()):
        raise InputError("Expected finite expression, found NaN or infinity.")
    z, z_guess = _scores(true), _scores(guess)
    divergence = _jensen_shannon(true, guess)
    return pd.DataFrame(
        {
            "pcc": (z * z_guess).mean(axis=0),
            "ssim": _ssim(true, guess),
            "rmse": np.sqrt(((z - z_guess) ** 2).mean(axis=0)),
            "js": np.sqrt(divergence / np.log(2)),
            "js_divergence": divergence,
        }
    )


def evaluate_genes(truth: AnnData, prediction: AnnData) -> dict[str, Any]:
    """Return how well the genes of `prediction` match those of `truth`.

    Spots and genes are matched by name. Counts in the truth become ``log1p(x / total · median)``
    over all its genes. Genes marked as measured in the prediction are excluded.

    Parameters
    ----------
    prediction
        ``X`` log-normalized; ``var["origin"]`` and ``var["reliability"]`` as `impute_genes` writes.

    Returns
    -------
    dict
        Ready for JSON: ``genes`` (``compared``, ``measured``, ``without_truth``), ``spots``,
        ``mean`` and ``median`` of each metric, ``reliability`` (see `reliability_diagram`) if
        present in the prediction, ``similarity`` of the genes to one another (see
        `GeneSimilarity`), and ``per_gene``.

    Raises
    ------
    InputError
        The two have no spot or no gene in common.
    """
    table, left_out = gene_table(truth, prediction)
    columns = [*METRICS, "js_divergence"]
    report: dict[str, Any] = {
        "genes": {"compared": len(table), **left_out},
        "spots": int(prediction.obs_names.isin(truth.obs_names).sum()),
        "mean": {c: float(table[c].mean()) for c in columns},
        "median": {c: float(table[c].median()) for c in columns},
    }
    if "reliability" in prediction.var:
        stated = prediction.var["reliability"].reindex(table.index).to_numpy(float)
        if np.isfinite(stated).sum() >= 2:
            report["reliability"] = reliability_diagram(stated, table["pcc"].to_numpy())
    if len(table) > 2:
        report["similarity"] = similarity_of_genes(truth, prediction).report()
    report["per_gene"] = table.to_dict("index")
    return report


def similarity_of_genes(truth: AnnData, prediction: AnnData) -> GeneSimilarity:
    """Return how alike the imputed genes are to one another, beside what was measured.

    At most the first 1,000 genes are compared; spots and genes are matched by name.

    Raises
    ------
    InputError
        The two have no spot or no gene in common.
    """
    names, true, guess = next(_maps(truth, prediction, MOST))
    return GeneSimilarity.of(names, true, guess)


def robustness(tables: Sequence[pd.DataFrame], least: float = 0.5) -> float:
    """Return the share of genes whose PCC exceeds `least` in every table (SpaDiT, figure 6: RS).

    Parameters
    ----------
    tables
        The `gene_metrics` of maps from a whole slide and from thinned ones, indexed by gene; genes
        missing in any of them are left out.
    """
    genes = sorted(set.intersection(*(set(t.index) for t in tables)))
    if not genes:
        raise InputError("Expected genes that all methods imputed, found none.")
    found = np.stack([t.loc[genes, "pcc"].to_numpy(float) for t in tables])
    return float((found > least).all(axis=0).mean())


def gene_table(truth: AnnData, prediction: AnnData) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the metrics of each shared gene, and the numbers of genes excluded by reason."""
    tables = [
        gene_metrics(true, guess).set_axis(names)
        for names, true, guess in _maps(truth, prediction, _BLOCK)
    ]
    table, imputed = pd.concat(tables), _imputed(prediction)
    left_out = {
        "measured": int((~imputed).sum()),
        "without_truth": int(imputed.sum()) - len(table),
    }
    return table, left_out


def _imputed(prediction: AnnData) -> NDArray[np.bool_]:
    if "origin" not in prediction.var:
        return np.ones(prediction.n_vars, bool)
    return np.asarray((prediction.var["origin"] == "imputed").to_numpy(bool))


def _maps(
    truth: AnnData, prediction: AnnData, block: int
) -> Iterator[tuple[pd.Index, Array, Array]]:
    """Yield names, truth and prediction, each (n_spots, n_genes), of blocks of shared genes."""
    spots = prediction.obs_names.intersection(truth.obs_names, sort=False)
    if not len(spots):
        raise InputError(
            "Expected spots of the truth in the prediction, found none with the same name.",
            remedy="Try the slide on which the genes were imputed.",
        )
    columns, known_columns = _shared_genes(truth, prediction, _imputed(prediction))
    truth = settled(truth)[0]
    rows, own = truth.obs_names.get_indexer(spots), prediction.obs_names.get_indexer(spots)
    known = _expression(truth)[rows].tocsc()
    for start in range(0, len(columns), block):
        here = columns[start : start + block]
        true = known[:, known_columns[start : start + block]].toarray()
        guess = prediction[:, here].X
        guess = guess.toarray() if sparse.issparse(guess) else np.asarray(guess)
        yield prediction.var_names[here], true, guess[own]


def _shared_genes(
    truth: AnnData, prediction: AnnData, imputed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns of imputed genes that the truth measured, in prediction and in truth."""
    remedy = "Try a truth with measurements of the imputed genes."
    if not imputed.any():
        raise InputError("Expected imputed genes, found none in the prediction.", remedy=remedy)
    try:
        var = prediction.var[imputed]
        match = match_genes([var, truth.var], ["prediction", "truth"], least=1)
    except ValidationError as error:
        raise InputError(
            "Expected imputed genes that were measured in the truth, found none. "
            f"{error.problem.message}",
            remedy=remedy,
        ) from error
    return np.flatnonzero(imputed)[match.indices[0]], match.indices[1]


def accuracy_scores(tables: Mapping[str, pd.DataFrame]) -> dict[str, float]:
    """Return the accuracy score of each method relative to the others, 0 to 1; higher is better.

    For each gene and metric (PCC, SSIM, RMSE, JS) the methods are ranked from 1 for the best to 1 /
    n for the worst; the score is the mean over metrics and genes. It has no meaning for a single
    method.

    Parameters
    ----------
    tables
        The `gene_metrics` of each method, indexed by gene; genes missing in any of them are left
        out.

    Raises
    ------
    InputError
        There are fewer than two methods, or they have no gene in common.
    """
    if len(tables) < 2:
        raise InputError("Expected at least two methods to rank, found fewer.")
    genes = sorted(set.intersection(*(set(t.index) for t in tables.values())))
    if not genes:
        raise InputError("Expected genes that all methods imputed, found none.")
    total = np.zeros(len(tables))
    for metric, higher in METRICS.items():
        values = np.stack([t.loc[genes, metric].to_numpy(float) for t in tables.values()])
        total += rankdata(values if higher else -values, axis=0).mean(axis=1) / len(tables)
    return {name: float(v / len(METRICS)) for name, v in zip(tables, total, strict=True)}


def reliability_diagram(predicted: Array, found: Array, bins: int = 5) -> dict[str, Any]:
    """Return predicted and observed correlations, in bins with about equal numbers of genes.

    Parameters
    ----------
    predicted, found : (n_genes,) float
        Genes without a prediction (NaN) are excluded.

    Returns
    -------
    dict
        ``bins``: ``predicted``, ``found`` and ``genes`` of each; ``error``, the mean distance of
        the bins from the diagonal, weighted by genes; ``correlation`` of the two; ``predicted`` and
        ``found`` of each gene.
    """
    known = np.isfinite(predicted) & np.isfinite(found)
    p, f = predicted[known], found[known]
    order = np.argsort(p, kind="stable")
    groups = [g for g in np.array_split(order, min(bins, len(order))) if len(g)]
    rows = [
        {"predicted": float(p[g].mean()), "found": float(f[g].mean()), "genes": len(g)}
        for g in groups
    ]
    off = sum(abs(r["predicted"] - r["found"]) * r["genes"] for r in rows)
    constant = len(p) < 2 or np.ptp(p) == 0 or np.ptp(f) == 0
    return {
        "bins": rows,
        "error": float(off / max(len(p), 1)),
        "correlation": 0.0 if constant else float(np.corrcoef(p, f)[0, 1]),
        "predicted": p.tolist(),
        "found": f.tolist(),
    }


def _expression(truth: AnnData) -> sparse.csr_matrix:
    matrix = counts(truth)
    if not np.all(matrix.data == np.rint(matrix.data)):
        return matrix
    totals = np.asarray(matrix.sum(axis=1)).ravel()
    totals[totals == 0] = 1
    matrix.data = np.log1p(
        matrix.data * np.repeat(np.median(totals) / totals, np.diff(matrix.indptr))
    )
    return matrix


def _scores(values: Array) -> Array:
    spread = values.std(axis=0)
    constant = spread <= 1e-9 * np.maximum(np.abs(values).max(axis=0), _TINY)
    centred = values - values.mean(axis=0)
    return np.where(constant, 0.0, centred / np.where(constant, 1.0, spread))


def _ssim(true: Array, guess: Array) -> Array:
    a, b = (x / np.maximum(x.max(axis=0), _TINY) for x in (true, guess))
    top = np.maximum(a.max(axis=0), b.max(axis=0))
    c1, c2 = (0.01 * top) ** 2, (0.03 * top) ** 2
    mean_a, mean_b = a.mean(axis=0), b.mean(axis=0)
    shared = ((a - mean_a) * (b - mean_b)).mean(axis=0)
    level = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    pattern: Array = (2 * shared + c2) / (a.var(axis=0) + b.var(axis=0) + c2)
    return level * pattern


def _jensen_shannon(true: Array, guess: Array) -> Array:
    p, q = (np.clip(x, 0, None) for x in (true, guess))
    p, q = (x / np.maximum(x.sum(axis=0), _TINY) for x in (p, q))
    middle = (p + q) / 2
    both: Array = (rel_entr(p, middle) + rel_entr(q, middle)).sum(axis=0) / 2
    return np.clip(both, 0, None)
