"""What a contestant states of its errors beside the errors that were found, for each task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from anndata import AnnData
from numpy.typing import NDArray

from napari_spatialrecon.evaluation.mixture_metrics import as_named, named_types, proportions_of
from napari_spatialrecon.evaluation.super_metrics import matched_bins
from napari_spatialrecon.geometry.procrustes import fit_pose
from napari_spatialrecon.tissue.contract import um_per_unit
from napari_spatialrecon.tissue.slots import (
    EXPECTED,
    IMPUTED_STD,
    LOWER,
    SPATIAL,
    SPREAD,
    UNCERTAINTY,
    UPPER,
)

Array = NDArray[np.float64]
_OF_PLACES = {EXPECTED: ("expected error", 0.5), UNCERTAINTY: ("90% radius", 0.9)}
#: Most values of one bound; above it, a seeded sample.
MOST = 500_000
#: Fewest errors of which deciles say anything.
FEWEST = 50


@dataclass(frozen=True)
class Bound:
    """Errors that a share of which should stay below what is stated.

    Parameters
    ----------
    stated, found : (n,) float
        The bound of each value, and its error.
    """

    name: str
    share: float
    stated: Array
    found: Array

    @property
    def within(self) -> float:
        """Return the share of errors that do stay below."""
        return float((self.found <= self.stated).mean())

    def deciles(self) -> Array:
        """Return what is stated, and below which error the share stays, in tenths by the stated."""
        order = np.argsort(self.stated, kind="stable")
        tenths = np.array_split(order, 10)
        return np.array(
            [(self.stated[t].mean(), np.quantile(self.found[t], self.share)) for t in tenths]
        )


def _bound(name: str, share: float, stated: Array, found: Array) -> list[Bound]:
    """Return the bound, or nothing where too little is stated."""
    known = np.isfinite(stated) & np.isfinite(found)
    rows = np.random.default_rng(0).permutation(np.flatnonzero(known))[:MOST]
    if len(rows) < FEWEST or not stated[rows].any():
        return []
    return [Bound(name, share, stated[rows], found[rows])]


def of_places(truth: AnnData, made: AnnData, same_frame: bool) -> tuple[list[Bound], str]:
    """Return the bounds of placed cells, and their unit.

    Parameters
    ----------
    same_frame
        Whether both lie in one frame; otherwise errors are those after the best rigid motion.
    """
    own, theirs = um_per_unit(truth), um_per_unit(made)
    name = "µm"
    if own is None or theirs is None:
        own, theirs, name = 1.0, 1.0, "unit of the slide"
    rows = made.obs_names.get_indexer(truth.obs_names)
    places = np.asarray(made.obsm[SPATIAL], float)[rows, :2] * theirs
    true = np.asarray(truth.obsm[SPATIAL], float)[:, :2] * own
    kept = (rows >= 0) & np.isfinite(places).all(axis=1)
    true, places, rows = true[kept], places[kept], rows[kept]
    if not same_frame:
        places = np.asarray(fit_pose(places, true, scaling=False).apply(places))
    errors = np.linalg.norm(places - true, axis=1)
    found: list[Bound] = []
    for column, (bound, share) in _OF_PLACES.items():
        if column in made.obs:
            found += _bound(bound, share, made.obs[column].to_numpy(float)[rows] * theirs, errors)
    return found, name


def of_mixtures(truth: AnnData, made: AnnData) -> list[Bound]:
    """Return the half widths of intervals of shares, and how far from their middle the truth is."""
    if LOWER not in made.obsm or UPPER not in made.obsm:
        return []
    low, high = (named_types(made, made.obsm[key]) for key in (LOWER, UPPER))
    true = as_named(proportions_of(truth, "truth"), low.columns)
    spots = low.index.intersection(true.index, sort=False)
    known = true.loc[spots].reindex(columns=low.columns, fill_value=0.0).to_numpy(float)
    a, b = (table.loc[spots].to_numpy(float) for table in (low, high))
    return _bound(
        "half of the 90% interval", 0.9, (b - a).ravel() / 2, np.abs(known - (a + b) / 2).ravel()
    )


def of_genes(truth: AnnData, folds: Sequence[AnnData]) -> list[Bound]:
    """Return twice the spreads of imputed values, and how far off the values are."""
    stated, found = [], []
    for made in folds:
        genes = [gene for gene in made.var_names if gene in truth.var_names]
        if IMPUTED_STD not in made.layers or not genes:
            return []
        table = made[made.obs_names.isin(truth.obs_names), genes]
        true = dense(truth[table.obs_names, genes].X)
        stated.append(2 * dense(table.layers[IMPUTED_STD]).ravel())
        found.append(np.abs(dense(table.X) - true).ravel())
    return _bound("twice the spread", 0.95, np.concatenate(stated), np.concatenate(found))


def of_parts(truth: AnnData, made: AnnData) -> list[Bound]:
    """Return twice the spreads of parts of spots, and how far off their counts are."""
    if SPREAD not in made.layers:
        return []
    rows, bins = matched_bins(truth, made)
    genes = [gene for gene in made.var_names if gene in truth.var_names]
    part = made[rows, genes]
    spread, values = dense(part.layers[SPREAD]), dense(part.X)
    true = dense(truth[bins, genes].X)
    told = values > 0  # a spot without counts of a gene leaves nothing to split
    return _bound("twice the spread", 0.95, 2 * spread[told], np.abs(true - values)[told])


def dense(values: object) -> Array:
    """Return a matrix, sparse or not, as an array."""
    return np.asarray(values.toarray() if hasattr(values, "toarray") else values, float)
