"""Spatial communities of placed cells, found without freezing the window."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.errors import SpatialReconError, Stopped
from napari_spatialrecon.tissue.slots import COMMUNITY
from napari_spatialrecon.viewer.window.apart import apart

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_spatialrecon.progress import ShouldStop

_FEWEST, _APART, _MOST = 50, 1_000, 20_000
"""Fewest cells for a search of communities, for one apart, and most for one without being asked."""
_SEARCH = "napari_spatialrecon.evaluation.communities:communities"
_log = logging.getLogger(__name__)


def with_communities(adata: AnnData, should_stop: ShouldStop = lambda: False) -> AnnData:
    """Add the spatial community of each placed cell (GEARS, figure 3), if there are enough.

    The search takes a minute for 200,000 cells; of so many *Communities* in Inspect finds them.
    """
    from napari_spatialrecon.tasks.communities import PLACES, named

    slot = next((name for name in PLACES if name in adata.obsm), None)
    if slot is None or COMMUNITY in adata.obs or not _FEWEST <= adata.n_obs <= _MOST:
        return adata
    places = np.asarray(adata.obsm[slot], float)
    try:
        adata.obs[COMMUNITY] = named(spatial_communities(places, should_stop))
    except Stopped:
        raise
    except (OSError, SpatialReconError) as error:  # keep the result without communities
        _log.warning("The result has no communities: %s", error)
    return adata


def spatial_communities(
    places: np.ndarray, should_stop: ShouldStop, *, resolution: float | None = None
) -> np.ndarray:
    """Return the community (n,) int of each of many places, without freezing the window.

    Many are searched in a separate process. The default resolution is that of the GEARS paper.

    Raises
    ------
    Stopped
        It was stopped.
    SpatialReconError
        As `evaluation.communities.communities`, or the process failed.
    """
    from napari_spatialrecon.evaluation.communities import RESOLUTION, communities

    resolution = RESOLUTION if resolution is None else resolution
    if len(places) < _APART:
        return communities(places, resolution=resolution)
    return apart(_SEARCH, places, "communities", should_stop, resolution=resolution)
