"""Communities of placed cells, for exploring a result."""

from __future__ import annotations

import numpy as np
import pandas as pd
from anndata import AnnData

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.communities import communities
from napari_spatialrecon.tissue.sdata.inputs import takes_spatialdata
from napari_spatialrecon.tissue.slots import COMMUNITY, GEOMETRY, SPATIAL

#: Column of communities, and slots of positions, of which the first found is used.
PLACES = (GEOMETRY, SPATIAL)


@takes_spatialdata
def mark_communities(
    placed: AnnData, *, neighbours: int = 15, resolution: float = 1.0, seed: int = 0
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
