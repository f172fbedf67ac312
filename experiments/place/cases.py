"""Queries that lack half of the tissue, or half of the clusters."""

from __future__ import annotations

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from napari_spatialrecon.comparison.cases.places import Case
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.preprocess import log_depth


def without_half(case: Case, what: str, seed: int = 0) -> Case:
    """Return the case without a half of the query: ``"length"``, ``"width"`` or ``"clusters"``.

    The tissue is cut at the median of its longer or its shorter axis; of 12 clusters of expression
    six, drawn by `seed`, are left out.
    """
    if what in ("length", "width"):
        longer = int(np.ptp(case.truth, axis=0).argmax())
        axis = longer if what == "length" else 1 - longer
        kept = case.truth[:, axis] < np.median(case.truth[:, axis])
    else:
        logs = log_depth(contract.counts(case.cells), 1e4)
        scores = PCA(20, random_state=seed).fit_transform(logs)
        labels = KMeans(12, n_init=4, random_state=seed).fit_predict(scores)
        kept = np.isin(labels, np.random.default_rng(seed).permutation(12)[:6])
    return case.with_cells(np.flatnonzero(kept), f"half-{what}")
