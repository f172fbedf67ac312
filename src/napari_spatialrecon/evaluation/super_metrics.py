"""Evaluation of super-resolution against the truth: correlation, conservation, clusters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import scanpy
from anndata import AnnData
from scipy.sparse import csr_matrix
from scipy.spatial import KDTree
from scipy.stats import rankdata
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.contract import coordinates, counts
from napari_spatialrecon.tissue.counts import settled
from napari_spatialrecon.tissue.genes import match_genes
from napari_spatialrecon.tissue.slots import SPATIAL

#: Number of clusters if the truth has no labels, and of components used for clustering.
_CLUSTERS, _COMPONENTS = 8, 20
#: Maximum number of sub-spots for clustering; above it, a seeded sample.
_MOST_CLUSTERED = 20_000
#: Number of sub-spots ranked together.
_ROWS_AT_ONCE = 2000


def evaluate_super(
    truth: AnnData, prediction: AnnData, *, labels: str | None = None, seed: int = 0
) -> dict[str, Any]:
    """Return how well split counts match counts measured at high resolution.

    Sub-spots are matched by position: each to the nearest true bin, within half a part.

    Parameters
    ----------
    truth
        Counts of bins at the resolution of the parts, ``obsm["spatial"]`` in the same frame.
    prediction
        Result of `super_resolve`: ``X``, ``obsm["spatial"]``, ``obs["parent"]``.
    labels
        Column of ``truth.obs`` with which clusters are compared; by default clusters of the truth.

    Returns
    -------
    dict
        Ready for JSON. ``spearman_flat`` over all entries, ``spearman_spot`` and
        ``spearman_gene`` the means over sub-spots and over genes; ``pcc_gene`` the mean, with
        ``pcc_gene_median``; ``fd`` Σ|sum of parts - spot| / Σ spot and ``fd_entry`` the mean of
        |sum - spot| / spot over entries with counts (the paper's fractional deviation), over
        spots of which a part was matched, parts beyond the truth's bins included; ``ari``
        by k-means, Leiden and a Gaussian mixture; ``sub_spots``, ``genes``, ``missing``.

    Raises
    ------
    InputError
        No genes or positions are shared, or the prediction has no parents.
    """
    if "parent" not in prediction.obs:
        raise InputError('Expected obs["parent"] in the prediction, found no such column.')
    truth = settled(truth)[0]
    genes, measured = match_genes(
        [prediction.var, truth.var], ["prediction", "truth"], least=1
    ).indices
    rows, matched = matched_bins(truth, prediction)
    if not len(rows):
        raise InputError(
            "Expected sub-spots where the truth has bins, found none.",
            remedy="Try tables in the same frame and unit.",
            where=f'obsm["{SPATIAL}"]',
        )
    true = counts(truth)[matched][:, measured].astype(np.float64)
    pred = csr_matrix(prediction[rows][:, genes].X).astype(np.float64)
    per_gene = _per_gene(true, pred)
    report: dict[str, Any] = {
        "sub_spots": len(rows),
        "genes": len(genes),
        "missing": int(truth.n_obs - len(rows)),
        "spearman_spot": _per_spot(true, pred),
        "spearman_flat": _flat(true, pred, seed),
        **{name: float(np.mean(values)) for name, values in per_gene.items() if len(values)},
        "pcc_gene_median": float(np.median(per_gene["pcc_gene"])),
        **_deviation(true, csr_matrix(prediction[:, genes].X), prediction.obs["parent"], rows),
    }
    known = None if labels is None else truth.obs[labels].astype(str).to_numpy()[matched]
    report["ari"] = _clusters(true, pred, known, seed)
    return report


def matched_bins(truth: AnnData, prediction: AnnData) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of the prediction, and the rows of the corresponding true bins."""
    places, own = coordinates(truth), coordinates(prediction)
    away, nearest_bin = KDTree(places).query(own)
    reach = 0.5 * np.median(KDTree(own).query(own, k=2)[0][:, 1])
    near = away <= reach
    return np.flatnonzero(near), nearest_bin[near]


def _correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the correlation of columns; NaN if one is constant."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    scale = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    found = np.full(a.shape[1], np.nan)
    return np.divide((a * b).sum(axis=0), scale, out=found, where=scale > 1e-12)


def _per_gene(true: csr_matrix, pred: csr_matrix) -> dict[str, np.ndarray]:
    left, right = true.tocsc(), pred.tocsc()
    pcc, ranks = [], []
    for start in range(0, true.shape[1], 64):
        block = slice(start, start + 64)
        a, b = left[:, block].toarray(), right[:, block].toarray()
        pcc.append(_correlation(a, b))
        ranks.append(_correlation(rankdata(a, axis=0), rankdata(b, axis=0)))
    joined = {"pcc_gene": np.concatenate(pcc), "spearman_gene": np.concatenate(ranks)}
    measured = np.asarray(true.max(axis=0).toarray()).ravel() > 0
    return {name: np.nan_to_num(values[measured]) for name, values in joined.items()}


def _per_spot(true: csr_matrix, pred: csr_matrix) -> float:
    found = []
    for start in range(0, true.shape[0], _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        ranks = (rankdata(m[rows].toarray(), axis=1).T for m in (true, pred))
        found.append(_correlation(*ranks))
    return float(np.nanmean(np.concatenate(found)))


def _flat(true: csr_matrix, pred: csr_matrix, seed: int, most: int = 4_000_000) -> float:
    """Return Spearman's correlation over all entries, or those of a seeded sample of sub-spots."""
    rows = np.arange(true.shape[0])
    if true.shape[0] * true.shape[1] > most:
        size = max(2, most // true.shape[1])
        rows = np.random.default_rng(seed).choice(rows, min(size, len(rows)), replace=False)
    ranks = (rankdata(m[rows].toarray().ravel())[:, None] for m in (true, pred))
    return float(_correlation(*ranks)[0])


def _deviation(
    true: csr_matrix, parts: csr_matrix, parents: pd.Series, rows: np.ndarray
) -> dict[str, float]:
    """Return the deviation of the sums of all parts of the spots that `rows`, as `true`, touch.

    A part without a bin counts as one in which nothing was measured.
    """
    codes, names = pd.factorize(parents)
    wanted = np.unique(codes[rows])
    number = np.full(len(names), -1)
    number[wanted] = np.arange(len(wanted))
    own = np.flatnonzero(number[codes] >= 0)

    def summed(matrix: csr_matrix, at: np.ndarray) -> csr_matrix:
        ones, where = np.ones(len(at)), (number[codes[at]], np.arange(len(at)))
        gather = csr_matrix((ones, where), shape=(len(wanted), len(at)))
        return csr_matrix(gather @ matrix)

    spots, sums = summed(true, rows), summed(parts[own].astype(np.float64), own)
    away = abs(sums - spots)
    inverse = spots.copy()
    inverse.data = 1 / inverse.data
    entry = away.multiply(inverse).sum() / max(spots.nnz, 1)
    return {"fd": float(away.sum() / max(spots.sum(), 1)), "fd_entry": float(entry)}


def _clusters(
    true: csr_matrix, pred: csr_matrix, known: np.ndarray | None, seed: int
) -> dict[str, float]:
    """Return the adjusted Rand index of clusters of the prediction, by three algorithms."""
    n = true.shape[0]
    rows = np.arange(n)
    if n > _MOST_CLUSTERED:
        rows = np.sort(np.random.default_rng(seed).choice(n, _MOST_CLUSTERED, replace=False))
    own, theirs = _components(pred[rows], seed), _components(true[rows], seed)
    count = _CLUSTERS if known is None else len(np.unique(known))
    found = {}
    for name, cluster in (("kmeans", _kmeans), ("leiden", _leiden), ("mixture", _mixture)):
        target = cluster(theirs, count, seed) if known is None else known[rows]
        found[name] = float(adjusted_rand_score(target, cluster(own, count, seed)))
    return found


def _components(matrix: csr_matrix, seed: int) -> np.ndarray:
    totals = np.asarray(matrix.sum(axis=1)).ravel()
    typical = np.median(totals[totals > 0]) if (totals > 0).any() else 1.0
    logs = csr_matrix(matrix.multiply((typical / np.maximum(totals, 1e-9))[:, None])).log1p()
    size = max(1, min(_COMPONENTS, min(matrix.shape) - 1))
    return np.asarray(TruncatedSVD(size, random_state=seed).fit_transform(logs))


def _kmeans(points: np.ndarray, count: int, seed: int) -> np.ndarray:
    model = KMeans(min(count, len(points)), n_init=4, random_state=seed)
    return np.asarray(model.fit_predict(points))


def _mixture(points: np.ndarray, count: int, seed: int) -> np.ndarray:
    model = GaussianMixture(
        min(count, len(points)), covariance_type="diag", random_state=seed, reg_covar=1e-4
    )
    return np.asarray(model.fit_predict(points))


def _leiden(points: np.ndarray, count: int, seed: int) -> np.ndarray:
    table = AnnData(points.astype(np.float32))
    neighbours = min(15, len(points) - 1)
    scanpy.pp.neighbors(table, n_neighbors=neighbours, use_rep="X", random_state=seed)
    scanpy.tl.leiden(table, random_state=seed, flavor="igraph", n_iterations=2, directed=False)
    return np.asarray(table.obs["leiden"].astype(str))
