"""How far the types of a mixture are borne out by their marker genes, and other warnings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import spearmanr

from napari_spatialrecon.methods.mixtures.base import CellTypes, MixtureTables
from napari_spatialrecon.tissue.contract import Prepared

#: Most genes that are looked at, and fewest and most markers of a type.
GENES, FEWEST, MARKERS = 2000, 3, 10
#: Factor by which a type expresses a marker above every other type.
_ABOVE = 1.5
#: Share of the tissue from which on a type has to be borne out by its markers.
_COMMON = 0.05
#: Correlation of proportion and markers over spots, and share of the expected expression of the
#: markers, below which a type is not borne out.
_FOLLOWS, _EXPRESSED = 0.1, 1 / 3
#: Counts of a type's cells relative to the mean of the types below which its share is warned of.
_POOR = 1 / 3
#: Factor by which a type is more frequent in the tissue than in the reference to be warned of.
_RAISED = 5.0
#: Proportion from which on a spot counts as one of a single type, and the share of such spots that
#: is warned of.
_SINGLE, _MANY = 0.99, 0.02
#: Counts of a spot to which expression is scaled.
_DEPTH = 1e4


@dataclass(frozen=True)
class Support:
    """How a type's markers bear out its proportions.

    Parameters
    ----------
    follows
        Spearman correlation over the spots of the type's proportion and its markers; NaN without
        markers, or if either is constant.
    expressed
        Expression of the markers as a share of what the proportions of all types lead one to
        expect; NaN without markers.
    size
        Mean counts of the type's cells in the reference, relative to the mean of all types.
    markers
        Names of its markers, as on the slide; empty if it has none.
    shared
        Whether other types express these markers as well, since it has none of its own.
    """

    follows: float
    expressed: float
    size: float = 1.0
    markers: tuple[str, ...] = ()
    shared: bool = False

    @property
    def is_weak(self) -> bool:
        """Whether the type has markers of its own, which contradict the proportions."""
        return not self.shared and (self.follows < _FOLLOWS or self.expressed < _EXPRESSED)


def marker_support(
    slide: Prepared, reference: Prepared, types: CellTypes, proportions: NDArray[np.float64]
) -> list[Support]:
    """Return how the markers of each type bear out its proportions.

    Markers are the genes that a type's cells express most strongly above every other type's in the
    reference; of a type without any, those above the mean of the other types. The spots' counts
    were used to find the proportions, so this is not an independent test: it shows types that got
    their share for want of a better one.

    Parameters
    ----------
    proportions : (n_spots, n_types), rows sum to 1
    """
    tables = MixtureTables.read(slide, reference, GENES)
    profiles = _profiles(tables.cells, types)
    sizes = tables.sizes(types)
    expected = (proportions.mean(axis=0) * sizes) @ profiles
    expected /= max(expected.sum(), 1e-12)
    observed = np.asarray(tables.spots.mean(axis=0, dtype=np.float64)).ravel()
    found = []
    for number, own in enumerate(profiles):
        others = np.delete(profiles, number, axis=0)
        rows = _markers(own, others)
        shared = not len(rows)
        if shared:
            rows = _markers(own, others.mean(axis=0, keepdims=True)) if len(others) else rows
        if not len(rows):
            found.append(Support(np.nan, np.nan, float(sizes[number])))
            continue
        logs = np.log1p(_DEPTH * tables.spots[:, rows].toarray())
        score, share = logs.mean(axis=1), proportions[:, number]
        constant = np.ptp(score) == 0 or np.ptp(share) == 0
        follows = np.nan if constant else float(spearmanr(score, share).statistic)
        level = float(observed[rows].sum() / max(expected[rows].sum(), 1e-12))
        names = tuple(tables.genes[row] for row in rows)
        found.append(Support(follows, level, float(sizes[number]), names, shared))
    return found


def support_table(
    names: Sequence[str], proportions: NDArray[np.float64], support: Sequence[Support]
) -> pd.DataFrame:
    """Return how the markers bear out each type, the most frequent type first.

    Parameters
    ----------
    proportions : (n_spots, n_types), rows sum to 1

    Returns
    -------
    Indexed by type: ``share`` of the tissue, ``agreement`` (`Support.follows`), ``expressed``,
    ``markers``, joined by commas, and whether they are ``shared`` with other types.
    """
    means = proportions.mean(axis=0)
    table = pd.DataFrame(
        {
            "share": means,
            "agreement": [one.follows for one in support],
            "expressed": [one.expressed for one in support],
            "markers": [", ".join(one.markers) for one in support],
            "shared": [one.shared and bool(one.markers) for one in support],
        },
        index=pd.Index(names, name="type"),
    )
    return table.iloc[np.argsort(-means, kind="stable")]


def _profiles(cells: sparse.csr_matrix, types: CellTypes) -> NDArray[np.float64]:
    """Return the mean shares of counts of each type, (n_types, n_genes)."""
    one_hot = types.one_hot().astype(np.float64)
    sums = np.asarray((cells.T @ one_hot).T)
    return sums / np.maximum(one_hot.sum(axis=0), 1.0)[:, None]


def _markers(own: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the genes that a type expresses most above the others, (n_others, n_genes)."""
    if not len(others):
        return np.zeros(0, np.intp)
    above = own / (others.max(axis=0) + 1 / _DEPTH)
    rows = np.flatnonzero(above > _ABOVE)
    if len(rows) < FEWEST:
        return np.zeros(0, np.intp)
    return rows[np.argsort(-above[rows], kind="stable")[:MARKERS]]


def mixture_warnings(
    types: CellTypes, proportions: NDArray[np.float64], support: Sequence[Support]
) -> tuple[tuple[str, ...], dict[str, float]]:
    """Return what speaks against a mixture, in sentences, and the numbers behind them.

    Parameters
    ----------
    proportions : (n_spots, n_types), rows sum to 1
    support
        One per type.
    """
    means = proportions.mean(axis=0)
    common = [i for i in np.argsort(-means, kind="stable") if means[i] >= _COMMON]
    said = [
        f"{types.names[i]}: {means[i]:.0%} of the tissue, but its marker genes do not bear this "
        f"out ({_why(support[i])}). It may be absent, or stand for a type that the reference lacks."
        for i in common
        if support[i].is_weak
    ]
    said += [
        f"{types.names[i]}: {means[i]:.0%} of the tissue, but {types.shares[i]:.1%} of the "
        "reference's cells. Such types are often overestimated, where the slide captures their "
        "genes better than the reference does."
        for i in common
        if means[i] > _RAISED * types.shares[i] and not support[i].is_weak
    ]
    said += [
        f"{types.names[i]}: {means[i]:.0%} of the tissue, although its cells have few counts in "
        f"the reference ({support[i].size:.0%} of the mean type). If they lost counts there, by "
        "dissociation or filtering, the share is too large."
        for i in common
        if support[i].size < _POOR and not support[i].is_weak
    ]
    single = proportions.max(axis=1) >= _SINGLE
    if len(types.names) > 1 and single.mean() > _MANY:
        said.append(
            f"{single.sum():,} of {len(single):,} spots ({single.mean():.0%}) got a single type: "
            "expected of single cells, but too certain for spots of several."
        )
    own = [support[i].follows for i in common if not support[i].shared]
    known = [value for value in own if np.isfinite(value)]
    numbers = {"spots_of_one_type": float(single.mean())}
    if known:
        numbers["marker_agreement"] = float(np.median(known))
    return tuple(said), numbers


def _why(support: Support) -> str:
    if support.follows < _FOLLOWS:
        return f"correlation over the spots {support.follows:.2f}"
    return f"expressed at {support.expressed:.0%} of what is expected"
