"""Communities of placed cells, for exploring a result."""

from __future__ import annotations

import numpy as np
import pandas as pd
from anndata import AnnData

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.communities import RESOLUTION, communities
from napari_spatialrecon.tissue.sdata.inputs import Table, takes_spatialdata
from napari_spatialrecon.tissue.slots import COMMUNITY, GEOMETRY, SPATIAL

#: Column of communities, and slots of positions, of which the first found is used.
PLACES = (GEOMETRY, SPATIAL)


@takes_spatialdata
def mark_communities(
    placed: Table, *, neighbours: int = 15, resolution: float = RESOLUTION, seed: int = 0
) -> AnnData:
    """Return a copy of placed cells with ``obs["community"]``, "1" for the largest.

    Parameters
    ----------
    placed
        Cells with intrinsic coordinates (``obsm["X_geometry"]``) or places (``obsm["spatial"]``).
    neighbours, resolution, seed
        See `evaluation.communities.communities`.

    Raises
    ------
    InputError
        There are no positions.
    """
    slot = next((name for name in PLACES if name in placed.obsm), None)
    if slot is None:
        raise InputError(
            "Expected placed cells, found no positions.",
            remedy='Try a file that "spatialrecon place" wrote.',
        )
    places = np.asarray(placed.obsm[slot], float)
    found = communities(places, neighbours=neighbours, resolution=resolution, seed=seed)
    result = placed.copy()
    result.obs[COMMUNITY] = named(found)
    return result


def named(found: np.ndarray) -> pd.Categorical:
    """Return the numbers of communities, from 0, as names from "1"."""
    return pd.Categorical.from_codes(found, [str(i + 1) for i in range(int(found.max()) + 1)])


def community_types(communities: pd.Series, types: pd.Series) -> pd.DataFrame:
    """Return the main cell type of each community, and its purity (GEARS, figure 3c).

    Parameters
    ----------
    communities : (n_cells,)
        Community of each cell, such as ``obs["community"]``.
    types : (n_cells,)
        Type of each cell; cells without one are ignored, except in ``cells``.

    Returns
    -------
    Indexed by community, in its order: ``cells``, ``main_type`` (the most frequent type; "" without
    typed cells), ``purity`` (its share of the typed cells; NaN without any), and ``expected``, the
    share of that type among all typed cells, which a community drawn at random would have.

    Examples
    --------
    >>> types = pd.Series(["T", "T", "B", "B"])
    >>> community_types(pd.Series(["1", "1", "1", "2"]), types).purity.round(2).tolist()
    [0.67, 1.0]
    """
    groups, kinds = pd.Categorical(communities), pd.Categorical(types)
    pairs = np.zeros((len(groups.categories), len(kinds.categories)), int)
    known = (groups.codes >= 0) & (kinds.codes >= 0)
    np.add.at(pairs, (groups.codes[known], kinds.codes[known]), 1)
    cells = np.bincount(groups.codes[groups.codes >= 0], minlength=len(pairs))
    index = pd.Index(groups.categories.astype(str), name="community")
    if not known.any():
        return pd.DataFrame(
            {"cells": cells, "main_type": "", "purity": np.nan, "expected": np.nan}, index=index
        )
    main, typed = pairs.argmax(axis=1), pairs.sum(axis=1)
    overall = pairs.sum(axis=0) / known.sum()
    names = kinds.categories.astype(str).to_numpy()[main]
    with np.errstate(invalid="ignore"):
        return pd.DataFrame(
            {
                "cells": cells,
                "main_type": np.where(typed > 0, names, ""),
                "purity": pairs.max(axis=1) / typed,
                "expected": np.where(typed > 0, overall[main], np.nan),
            },
            index=index,
        )
