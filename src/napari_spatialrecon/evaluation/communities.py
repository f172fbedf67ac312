"""Spatial communities: groups of neighbouring cells, found without labels (GEARS, figure 3)."""

from __future__ import annotations

import random

import igraph
import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.neighbours import nearest

#: Resolution of the paper's figure 3.
RESOLUTION = 0.2


def communities(
    places: np.ndarray, *, neighbours: int = 15, resolution: float = RESOLUTION, seed: int = 0
) -> NDArray[np.int64]:
    """Return the spatial community of each cell: Leiden clustering of the nearest-neighbour graph.

    Cells are joined to their nearest neighbours; the communities maximise the graph's modularity
    (Traag 2019, https://doi.org/10.1038/s41598-019-41695-z). Time is near-linear in the cells.

    Parameters
    ----------
    places : (n, d) float
        Intrinsic coordinates or positions, in any unit and pose.
    neighbours
        Number of neighbours per cell.
    resolution
        Above 0; larger finds more and smaller communities.
    seed
        Seed of the order in which cells are visited.

    Returns
    -------
    (n,) int
        0 for the largest community, in decreasing order of size.

    Raises
    ------
    InputError
        There are fewer than 2 cells, a position is not finite, or the resolution is not above 0.
    """
    if places.ndim != 2 or len(places) < 2:
        raise InputError(f"Expected positions of at least 2 cells, found shape {places.shape}.")
    if not resolution > 0:
        raise InputError(f"Expected a resolution above 0, found {resolution:g}.")
    near, _ = nearest(places, neighbours)
    first = np.repeat(np.arange(len(places)), near.shape[1])
    pairs = np.unique(np.sort(np.stack([first, near.ravel()], axis=1), axis=1), axis=0)
    graph = igraph.Graph(n=len(places), edges=pairs)
    igraph.set_random_number_generator(random.Random(seed))
    try:
        found = graph.community_leiden(
            objective_function="modularity", resolution=resolution, n_iterations=-1
        )
    finally:
        igraph.set_random_number_generator(random)
    labels = np.asarray(found.membership, dtype=np.int64)
    sizes = np.bincount(labels)
    rank = np.empty(len(sizes), np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    return rank[labels]
