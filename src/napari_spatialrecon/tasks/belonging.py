"""Whether cells belong to the tissue of slides: asked before a run, from a sample of both."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from napari_spatialrecon.methods.placement.config import KnnConfig
from napari_spatialrecon.methods.placement.domain import check_domain
from napari_spatialrecon.methods.placement.posterior import knn_posterior, spatial_directions
from napari_spatialrecon.methods.placement.reference import Reference
from napari_spatialrecon.tissue.contract import Prepared

#: Maximum number of spots of a slide, and of cells, that are compared.
_SPOTS, _CELLS = 1000, 500
#: Answers that are remembered: a window asks again before each run.
_REMEMBERED = 64
_known: OrderedDict[tuple[str, ...], tuple[str, ...]] = OrderedDict()


def unlike(slides: Sequence[Prepared], cells: Prepared) -> tuple[str, ...]:
    """Return a warning if cells hardly resemble the slides more than shuffled cells do."""
    key = tuple(table.fingerprint() for table in (*slides, cells))
    if key not in _known:
        _known[key] = _compared(slides, cells)
        while len(_known) > _REMEMBERED:
            _known.popitem(last=False)
    return _known[key]


def _compared(slides: Sequence[Prepared], cells: Prepared) -> tuple[str, ...]:
    config = KnnConfig()
    query = _some(cells, _CELLS)
    reference, features = Reference.fit(
        [_some(slide, _SPOTS) for slide in slides], query, config.preprocess, seed=0
    )
    assert features is not None, "there is a query"
    directions = spatial_directions(reference, features, config)
    found = knn_posterior(reference, features, directions, config)
    return check_domain(reference, directions, query, found).notes


def _some(table: Prepared, most: int) -> Prepared:
    """Return at most this many rows of a table, drawn at random."""
    if table.adata.n_obs <= most:
        return table
    rows = np.sort(np.random.default_rng(0).permutation(table.adata.n_obs)[:most])
    return replace(table, adata=table.adata[rows].copy())
